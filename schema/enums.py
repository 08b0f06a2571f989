"""Enums of the contract. Those the engine already has are described here and used as they are (A1, A8)."""

from enum import StrEnum

from resolvers.context import CallerKind
from saifu.events import KINDS, EventType
from saifu.keys import Scope
from saifu.ledger.chain import Fault
from saifu.ledger.entries import ContraAccount, EntryType, Funding, ReferenceType
from saifu.ledger.reports import Granularity
from saifu.refusals import MoneyMovement
from saifu.store import ActorType
from saifu.wallet_proofs import WalletFault

from .described import described

__all__ = [
    "ActorType",
    "CallerKind",
    "ContraAccount",
    "EntryType",
    "EventType",
    "Fault",
    "Funding",
    "Granularity",
    "MoneyMovement",
    "ReferenceType",
    "Scope",
    "WalletFault",
]

described(
    MoneyMovement,
    "MoneyMovement",
    "What is known of the money when a request fails.",
    {
        MoneyMovement.NONE: "Nothing moved.",
        MoneyMovement.PENDING: "It is not known to be final.",
        MoneyMovement.MOVED: "Money moved although the request as a whole failed.",
        MoneyMovement.UNKNOWN: "It may have moved, and is being reconciled.",
    },
)

described(
    Funding,
    "Funding",
    "Where the money of a credit comes from. Both kinds are spent alike.",
    {
        Funding.PAID: "The customer's own money, such as a deposit.",
        Funding.PROMOTIONAL: "A gift, such as a welcome bonus; spent before paid money that expires no earlier.",
    },
)

described(
    EntryType,
    "LedgerEventType",
    "What made a ledger entry.",
    {
        EntryType.MERCHANT_ADJUSTMENT: "A manual credit or debit.",
        EntryType.PAYMENT: "A debit: funds used for a payment.",
        EntryType.PAYMENT_REVERSAL: "A credit: a payment failed or was cancelled, and its funds came back.",
        EntryType.REFUND: "A credit: money refunded into the wallet.",
        EntryType.REFUND_REVERSAL: "A debit: a refund into the wallet was taken back.",
        EntryType.DISPUTE: "A debit: disputed money clawed back.",
        EntryType.DISPUTE_REVERSAL: "A credit: a dispute was won or cancelled, and the clawback came back.",
        EntryType.TOP_UP: "A credit: the customer deposited money through a payment.",
        EntryType.TOP_UP_REVERSAL: "A debit: such a deposit was refunded to its source.",
        EntryType.EXPIRY: "A debit: funds expired.",
    },
)

described(
    ContraAccount,
    "ContraAccount",
    "The other side of a ledger entry: each entry is a transfer between a wallet and one of these.",
    {
        ContraAccount.MERCHANT_ADJUSTMENTS: "Manual credits and debits.",
        ContraAccount.PAYMENTS: "Payments and their reversals.",
        ContraAccount.REFUNDS: "Refunds into wallets and their reversals.",
        ContraAccount.DISPUTES: "Clawbacks and their reversals.",
        ContraAccount.TOP_UPS: "Deposits and their reversals.",
        ContraAccount.EXPIRED: "Funds that expired.",
    },
)

described(
    ReferenceType,
    "ReferenceObjectType",
    "What kind of object caused a ledger entry.",
    {
        ReferenceType.PAYMENT: "A payment.",
        ReferenceType.REFUND: "A refund.",
        ReferenceType.DISPUTE: "A dispute.",
        ReferenceType.LEDGER_ENTRY: "A ledger entry: the credit whose funds expired.",
    },
)

described(
    Granularity,
    "ReportGranularity",
    "How wide a bucket of a report is, in the calendar of the report's time zone.",
    {
        Granularity.DAY: "From midnight to midnight.",
        Granularity.WEEK: "From Monday to Monday.",
        Granularity.MONTH: "From the first to the first.",
    },
)

described(
    Fault,
    "LedgerFault",
    "What is wrong with a ledger entry.",
    {
        Fault.SEQUENCE: "Its number does not follow the one before: an entry was removed, added or moved.",
        Fault.CONTINUITY: "It does not begin with the balance that the one before left.",
        Fault.ARITHMETIC: "Its balance after is not its balance before plus or minus its amount.",
        Fault.HASH: "Its hash is not that of its content: something in it was changed.",
    },
)

described(
    WalletFault,
    "WalletFault",
    "What is wrong with a wallet although each of its ledger entries holds.",
    {
        WalletFault.WALLET_ROW: "The stored wallet does not stand where its last entry left it.",
        WalletFault.MOVEMENTS: "The lots' parts of an entry do not add up to it.",
        WalletFault.LOTS: "A lot does not hold what its movements left, or the lots do not add up to the balance.",
    },
)

described(
    EventType,
    "EventType",
    "What kind of thing happened. More may be added.",
    {kind: f"`{kind.value}`: {KINDS[kind].sent_when}." for kind in EventType},
)

described(
    ActorType,
    "ActorType",
    "What kind of caller made a change.",
    {
        ActorType.API_KEY: "The holder of an API key.",
        ActorType.CUSTOMER: "A customer, through a session.",
        ActorType.CHECKOUT: "Whoever has the link of a checkout session.",
        ActorType.SYSTEM: "The gateway itself, such as when funds expire.",
    },
)

described(
    Scope,
    "ApiKeyScope",
    "What an API key may do. Who may change customers, wallets, sources, payments or keys may also read them.",
    {
        Scope.CUSTOMERS_READ: "Read customers.",
        Scope.CUSTOMERS_WRITE: "Create, change, block and delete customers, and open sessions for them.",
        Scope.WALLETS_READ: "Read wallets, ledgers and reports.",
        Scope.WALLETS_WRITE: "Credit and debit wallets, set thresholds and expiries.",
        Scope.SOURCES_READ: "Read payment sources.",
        Scope.SOURCES_WRITE: "Make, attach and detach payment sources.",
        Scope.PAYMENTS_READ: "Read payments, refunds, disputes, invoices and checkout sessions.",
        Scope.PAYMENTS_WRITE: "Charge, refund, answer disputes, and open checkout sessions.",
        Scope.EVENTS_READ: "Read the event log.",
        Scope.KEYS_READ: "List API keys; never their secrets.",
        Scope.KEYS_WRITE: "Make and revoke API keys.",
        Scope.AUDIT_READ: "Read the audit log.",
        Scope.ADMIN: "Everything.",
    },
)

described(
    CallerKind,
    "CallerKind",
    "What kind of credential a caller holds.",
    {
        CallerKind.API_KEY: "A secret key of the business.",
        CallerKind.CUSTOMER_SESSION: "A short-lived session that sees one customer.",
        CallerKind.CHECKOUT: "The token of a checkout page's link, which sees that one checkout session.",
    },
)


class LedgerEntryType(StrEnum):
    CREDIT = "CREDIT"
    DEBIT = "DEBIT"


described(
    LedgerEntryType,
    "LedgerEntryType",
    "Which way a manual ledger entry moves the balance.",
    {
        LedgerEntryType.CREDIT: "Adds to the balance.",
        LedgerEntryType.DEBIT: "Subtracts from the balance; refused when it holds less.",
    },
)


class LotStatus(StrEnum):
    ACTIVE = "ACTIVE"
    DEPLETED = "DEPLETED"
    EXPIRED = "EXPIRED"


described(
    LotStatus,
    "LotStatus",
    "What has become of a lot.",
    {
        LotStatus.ACTIVE: "Something of it may still be spent.",
        LotStatus.DEPLETED: "All of it was spent.",
        LotStatus.EXPIRED: "Its time has passed; what was left of it is gone.",
    },
)


class Mode(StrEnum):
    TEST = "test"
    LIVE = "live"


described(
    Mode,
    "Mode",
    "Whether an installation's money is real.",
    {Mode.TEST: "Nothing here is real money.", Mode.LIVE: "This is real money."},
)


class CustomerOrder(StrEnum):
    CREATED_AT_DESC = "CREATED_AT_DESC"
    CREATED_AT_ASC = "CREATED_AT_ASC"
    NAME_ASC = "NAME_ASC"
    NAME_DESC = "NAME_DESC"


described(
    CustomerOrder,
    "CustomerOrder",
    "How customers are sorted; ties go by id.",
    {
        CustomerOrder.CREATED_AT_DESC: "The newest first.",
        CustomerOrder.CREATED_AT_ASC: "The oldest first.",
        CustomerOrder.NAME_ASC: "By name, upper and lower case alike, from A to Z.",
        CustomerOrder.NAME_DESC: "By name, upper and lower case alike, from Z to A.",
    },
)


class CreationOrder(StrEnum):
    CREATED_AT_DESC = "CREATED_AT_DESC"
    CREATED_AT_ASC = "CREATED_AT_ASC"


described(
    CreationOrder,
    "CreationOrder",
    "How a list of things that are made once is sorted; ties go by id.",
    {
        CreationOrder.CREATED_AT_DESC: "The newest first.",
        CreationOrder.CREATED_AT_ASC: "The oldest first.",
    },
)


class EventOrder(StrEnum):
    CURSOR_DESC = "CURSOR_DESC"
    CURSOR_ASC = "CURSOR_ASC"


described(
    EventOrder,
    "EventOrder",
    "How events are sorted.",
    {
        EventOrder.CURSOR_DESC: "The newest first.",
        EventOrder.CURSOR_ASC: "In the order in which they happened.",
    },
)

_LOCALES = {
    "ar": "Arabic", "ca": "Catalan", "zh": "Chinese", "nl": "Dutch", "en": "English", "fr": "French",
    "de": "German", "he": "Hebrew", "id": "Indonesian", "it": "Italian", "ja": "Japanese", "ka": "Georgian",
    "ko": "Korean", "ms": "Malay", "pl": "Polish", "pt": "Portuguese", "ro": "Romanian", "ru": "Russian",
    "es": "Spanish", "sv": "Swedish", "th": "Thai", "tr": "Turkish",
}  # fmt: skip


class Locale(StrEnum):
    AR = "ar"
    CA = "ca"
    ZH = "zh"
    NL = "nl"
    EN = "en"
    FR = "fr"
    DE = "de"
    HE = "he"
    ID = "id"
    IT = "it"
    JA = "ja"
    KA = "ka"
    KO = "ko"
    MS = "ms"
    PL = "pl"
    PT = "pt"
    RO = "ro"
    RU = "ru"
    ES = "es"
    SV = "sv"
    TH = "th"
    TR = "tr"


described(
    Locale,
    "Locale",
    "The language of messages to a customer, by its ISO 639-1 code.",
    {locale: f"{_LOCALES[locale.value]}." for locale in Locale},
)
