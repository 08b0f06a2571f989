"""The enums of hosted checkout, in words."""

from enum import StrEnum

from saifu.checkout.orders import Theme
from saifu.checkout.rows import Purpose, Status

from .described import described

__all__ = ["CheckoutLanguage", "CheckoutMethodType", "Purpose", "Status", "Theme"]

described(
    Purpose,
    "CheckoutPurpose",
    "What somebody is asked to do on the page.",
    {
        Purpose.PAYMENT: "Pay for what the lines say.",
        Purpose.TOP_UP: "Pay into the customer's own wallet (W63).",
        Purpose.MANDATE: "Save a payment method that can be charged later; nothing is charged now.",
    },
)
described(
    Status,
    "CheckoutStatus",
    "How a checkout session stands.",
    {
        Status.OPEN: "It can be paid.",
        Status.COMPLETED: "It is consumed: paid, accepted by a bank that needs time, or the mandate was given (PM72).",
        Status.EXPIRED: "It ran out, or was ended, unpaid (PM71).",
    },
)
described(
    Theme,
    "CheckoutTheme",
    "Which colours the page has.",
    {
        Theme.SYSTEM: "Those of the visitor's system.",
        Theme.LIGHT: "Dark on light.",
        Theme.DARK: "Light on dark.",
    },
)


class CheckoutMethodType(StrEnum):
    """What may be paid with on the page."""

    CARD = "card"
    SEPA_DEBIT = "sepa_debit"


described(
    CheckoutMethodType,
    "CheckoutMethodType",
    "What may be paid with on the page.",
    {
        CheckoutMethodType.CARD: "A card.",
        CheckoutMethodType.SEPA_DEBIT: "A SEPA direct debit: saved ones, and for a mandate in EUR new ones.",
    },
)


class CheckoutLanguage(StrEnum):
    """The languages that the page speaks."""

    DE = "de"
    EN = "en"
    ES = "es"
    FR = "fr"
    JA = "ja"


described(
    CheckoutLanguage,
    "CheckoutLanguage",
    "The languages that the page speaks.",
    {
        CheckoutLanguage.DE: "German.",
        CheckoutLanguage.EN: "English.",
        CheckoutLanguage.ES: "Spanish.",
        CheckoutLanguage.FR: "French.",
        CheckoutLanguage.JA: "Japanese.",
    },
)
