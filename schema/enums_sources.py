"""The enums of payment sources, in words."""

from enum import StrEnum

from saifu.sources.kinds import SourceFlow, SourceStatus, SourceType, SourceUsage

from .described import described

described(
    SourceType,
    "SourceType",
    "Which instrument a source is (sources.md §2).",
    {
        SourceType.CARD: "A card; charged at once, again and again.",
        SourceType.THREE_D_SECURE: "A card with its customer's proof; not offered here.",
        SourceType.SEPA_DEBIT: "A European account with a mandate: EUR, at most 10 000.00 at once, slow.",
        SourceType.ACH_DEBIT: "An account in the United States, confirmed by a code.",
        SourceType.IDEAL: "A payment through a Dutch bank, once.",
        SourceType.BANCONTACT: "A payment through a Belgian bank; not offered here.",
        SourceType.EPS: "A payment through an Austrian bank; not offered here.",
        SourceType.GIROPAY: "A payment through a German bank; not offered here.",
        SourceType.P24: "A payment through a Polish bank; not offered here.",
        SourceType.ALIPAY: "A payment through Alipay; not offered here.",
        SourceType.WECHAT: "A payment through WeChat; not offered here.",
        SourceType.SOFORT: "A transfer at once; not offered here.",
        SourceType.MULTIBANCO: "A payment at a Portuguese cash machine; not offered here.",
        SourceType.ACH_CREDIT_TRANSFER: "An account to which the customer sends US dollars.",
        SourceType.UPI: "An Indian account, approved in its app: once, or under a mandate again and again.",
    },
)
described(
    SourceStatus,
    "SourceStatus",
    "Where a source stands (SR1-SR17); only a chargeable one can be charged.",
    {
        SourceStatus.PENDING: "Its customer has something to do first.",
        SourceStatus.CHARGEABLE: "It can be charged.",
        SourceStatus.CONSUMED: "It was charged, or detached, and is of no use any more.",
        SourceStatus.FAILED: "It was declined, given up or withdrawn.",
        SourceStatus.CANCELED: "It was not completed, or not charged, in time.",
    },
)
described(
    SourceUsage,
    "SourceUsage",
    "How often a source can be charged.",
    {
        SourceUsage.REUSABLE: "Again and again while it is attached; unattached it is consumed by a charge.",
        SourceUsage.SINGLE_USE: "Once.",
    },
)
described(
    SourceFlow,
    "SourceFlow",
    "What the customer does to make a source chargeable.",
    {
        SourceFlow.NONE: "Nothing, or accept a mandate.",
        SourceFlow.REDIRECT: "Goes to `redirect.url`.",
        SourceFlow.RECEIVER: "Sends money to `receiver.address`.",
        SourceFlow.CODE_VERIFICATION: "Tells a code; see `sourceVerify`.",
    },
)


class SourceOrder(StrEnum):
    ATTACHED_AT_DESC = "attached_at_desc"
    ATTACHED_AT_ASC = "attached_at_asc"


class SourceRedirectStatus(StrEnum):
    PENDING = "pending"
    SUCCEEDED = "succeeded"
    NOT_REQUIRED = "not_required"
    FAILED = "failed"


class SourceRedirectFailure(StrEnum):
    USER_ABORT = "user_abort"
    DECLINED = "declined"
    PROCESSING_ERROR = "processing_error"


class RefundAttributesStatus(StrEnum):
    MISSING = "missing"
    REQUESTED = "requested"
    AVAILABLE = "available"


class RefundAttributesMethod(StrEnum):
    EMAIL = "email"
    MANUAL = "manual"
    NONE = "none"


class CodeVerificationStatus(StrEnum):
    PENDING = "pending"
    SUCCEEDED = "succeeded"
    FAILED = "failed"


class MandateStatus(StrEnum):
    ACCEPTED = "accepted"
    PENDING = "pending"
    REFUSED = "refused"
    REVOKED = "revoked"


class MandateType(StrEnum):
    ONLINE = "online"
    OFFLINE = "offline"


class MandateInterval(StrEnum):
    ONE_TIME = "one_time"
    SCHEDULED = "scheduled"
    VARIABLE = "variable"


class MandateNotification(StrEnum):
    MANUAL = "manual"
    NONE = "none"


described(
    SourceOrder,
    "SourceOrder",
    "How a list of sources is sorted.",
    {
        SourceOrder.ATTACHED_AT_DESC: "The last attached first.",
        SourceOrder.ATTACHED_AT_ASC: "The first attached first.",
    },
)
described(
    SourceRedirectStatus,
    "SourceRedirectStatus",
    "What came of a redirect.",
    {
        SourceRedirectStatus.PENDING: "The customer has not decided yet.",
        SourceRedirectStatus.SUCCEEDED: "The customer has agreed.",
        SourceRedirectStatus.NOT_REQUIRED: "There was nothing to decide.",
        SourceRedirectStatus.FAILED: "The customer or the bank has not agreed.",
    },
)
described(
    SourceRedirectFailure,
    "SourceRedirectFailure",
    "Why a redirect failed.",
    {
        SourceRedirectFailure.USER_ABORT: "The customer gave up.",
        SourceRedirectFailure.DECLINED: "The bank said no.",
        SourceRedirectFailure.PROCESSING_ERROR: "Something broke.",
    },
)
described(
    RefundAttributesStatus,
    "RefundAttributesStatus",
    "Whether the account that refunds would go to is known.",
    {
        RefundAttributesStatus.MISSING: "It is not known.",
        RefundAttributesStatus.REQUESTED: "The customer was asked.",
        RefundAttributesStatus.AVAILABLE: "It is known.",
    },
)
described(
    RefundAttributesMethod,
    "RefundAttributesMethod",
    "How the account that refunds would go to is asked for.",
    {
        RefundAttributesMethod.EMAIL: "By e-mail.",
        RefundAttributesMethod.MANUAL: "By the business.",
        RefundAttributesMethod.NONE: "Not at all.",
    },
)
described(
    CodeVerificationStatus,
    "CodeVerificationStatus",
    "What came of the code.",
    {
        CodeVerificationStatus.PENDING: "The right one was not told yet.",
        CodeVerificationStatus.SUCCEEDED: "The right one was told.",
        CodeVerificationStatus.FAILED: "The attempts are used up.",
    },
)
described(
    MandateStatus,
    "MandateStatus",
    "Whether the customer has agreed to be debited (SR80).",
    {
        MandateStatus.ACCEPTED: "The customer has.",
        MandateStatus.PENDING: "The customer has not decided yet.",
        MandateStatus.REFUSED: "The customer has not.",
        MandateStatus.REVOKED: "The customer or the bank has withdrawn it (SR84).",
    },
)
described(
    MandateType,
    "MandateType",
    "How the customer has agreed.",
    {
        MandateType.ONLINE: "On a page: its address and browser are the evidence.",
        MandateType.OFFLINE: "On paper: an e-mail address says where to ask.",
    },
)
described(
    MandateInterval,
    "MandateInterval",
    "How often a mandate can be used.",
    {
        MandateInterval.ONE_TIME: "For one successful debit (SR83).",
        MandateInterval.SCHEDULED: "On agreed days.",
        MandateInterval.VARIABLE: "Whenever something is due.",
    },
)
described(
    MandateNotification,
    "MandateNotification",
    "Who tells the customer of a debit (SR82). Stripe's `email` is not offered: this gateway sends no mail.",
    {
        MandateNotification.MANUAL: "You, when `source.mandate_notification` says so.",
        MandateNotification.NONE: "Nobody.",
    },
)
