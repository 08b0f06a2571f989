"""The enums of disputes, in words."""

from saifu.disputes.transitions import DisputeStage, DisputeStatus

from .described import described

__all__ = ["DisputeStage", "DisputeStatus"]

described(
    DisputeStage,
    "DisputeStage",
    "How far a dispute has gone; it is never left for an earlier one (PM58).",
    {
        DisputeStage.PRE_DISPUTE: "An inquiry: the bank asks, and no money has moved.",
        DisputeStage.DISPUTE: "A chargeback: the amount has left the merchant.",
        DisputeStage.PRE_ARBITRATION: "The customer's bank insists.",
    },
)
described(
    DisputeStatus,
    "DisputeStatus",
    "How a dispute stands in its stage (PM50-PM56).",
    {
        DisputeStatus.DISPUTE_OPENED: "It waits for the merchant's answer, until `respondBy`.",
        DisputeStatus.DISPUTE_CHALLENGED: "Evidence was submitted; the bank decides.",
        DisputeStatus.DISPUTE_ACCEPTED: "The merchant gave in; final.",
        DisputeStatus.DISPUTE_EXPIRED: "Nobody answered in time; a chargeback counts as lost.",
        DisputeStatus.DISPUTE_CANCELLED: "It was withdrawn; the money is back.",
        DisputeStatus.DISPUTE_WON: "Decided for the merchant; the money is back.",
        DisputeStatus.DISPUTE_LOST: "Decided against the merchant.",
    },
)
