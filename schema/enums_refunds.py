"""The enums of refunds, in words."""

from saifu.refunds.rows import Destination, NetworkReferenceType, RefundStatus

from .described import described

__all__ = ["Destination", "NetworkReferenceType", "RefundStatus"]

described(
    RefundStatus,
    "RefundStatus",
    "How a refund stands; `SUCCEEDED` and `FAILED` are final.",
    {
        RefundStatus.PENDING: "It is on its way, or waits for its payment to succeed.",
        RefundStatus.SUCCEEDED: "The money is where it was to go.",
        RefundStatus.FAILED: "It did not arrive; its amount can be refunded again.",
    },
)
described(
    Destination,
    "RefundDestination",
    "Where the money of a refund goes (W56).",
    {
        Destination.ORIGINAL: "Whence it came, in reverse order: first to the source, then into the wallet (W58).",
        Destination.WALLET: "Into the customer's wallet, all of it (W57).",
    },
)
described(
    NetworkReferenceType,
    "NetworkReferenceType",
    "What kind of number the customer's bank can search for.",
    {
        NetworkReferenceType.ACQUIRER_REFERENCE_NUMBER: "The acquirer's (ARN).",
        NetworkReferenceType.SYSTEM_TRACE_AUDIT_NUMBER: "The trace of the network (STAN).",
        NetworkReferenceType.RETRIEVAL_REFERENCE_NUMBER: "The retrieval reference (RRN).",
        NetworkReferenceType.OTHER: "Another one.",
    },
)
