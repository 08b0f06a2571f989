"""The enums of invoices and receipts, in words."""

from enum import StrEnum

from .described import described


class InvoiceStatus(StrEnum):
    DRAFT = "draft"
    OPEN = "open"
    PAID = "paid"
    VOID = "void"
    UNCOLLECTIBLE = "uncollectible"


described(
    InvoiceStatus,
    "InvoiceStatus",
    "Where an invoice stands (PM64). One of a single payment is made when that has succeeded, and so is `PAID`.",
    {
        InvoiceStatus.DRAFT: "It has no number yet.",
        InvoiceStatus.OPEN: "It is to be paid; after `dueAt` it is past due.",
        InvoiceStatus.PAID: "It was paid; a later refund does not change it.",
        InvoiceStatus.VOID: "It was cancelled; its number stays used.",
        InvoiceStatus.UNCOLLECTIBLE: "Nobody expects it to be paid any more.",
    },
)


class InvoiceKind(StrEnum):
    ONE_TIME = "one_time"


described(
    InvoiceKind, "InvoiceKind", "What an invoice is for.", {InvoiceKind.ONE_TIME: "A single payment (PM60)."}
)


class ReceiptKind(StrEnum):
    TOP_UP = "top_up"
    REFUND = "refund"


described(
    ReceiptKind,
    "ReceiptKind",
    "What a receipt confirms.",
    {
        ReceiptKind.TOP_UP: "A payment into the customer's own wallet (PM60).",
        ReceiptKind.REFUND: "A refund that has succeeded (PM65).",
    },
)
