"""Refusals: every anticipated no, as data that a client can switch on (A20-A24)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

Path = Sequence[str | int]


class ErrorCode(StrEnum):
    """Every reason for which the gateway says no, for the whole contract (A23)."""

    FORBIDDEN = "FORBIDDEN"
    NOT_FOUND = "NOT_FOUND"
    GONE = "GONE"
    INVALID_REQUEST_PARAMETERS = "INVALID_REQUEST_PARAMETERS"
    INVALID_QUERY_PARAMS = "INVALID_QUERY_PARAMS"
    MAXIMUM_KEYS_REACHED = "MAXIMUM_KEYS_REACHED"
    UNSUPPORTED_CURRENCY = "UNSUPPORTED_CURRENCY"
    IDEMPOTENCY_KEY_REUSED = "IDEMPOTENCY_KEY_REUSED"
    STALE_VERSION = "STALE_VERSION"
    INSUFFICIENT_WALLET_FUNDS = "INSUFFICIENT_WALLET_FUNDS"
    NEGATIVE_BALANCE_ADJUSTMENT = "NEGATIVE_BALANCE_ADJUSTMENT"
    CUSTOMER_BLOCKED = "CUSTOMER_BLOCKED"
    CUSTOMER_NOT_DELETABLE = "CUSTOMER_NOT_DELETABLE"
    SOURCE_NOT_CHARGEABLE = "SOURCE_NOT_CHARGEABLE"
    SOURCE_NOT_REUSABLE = "SOURCE_NOT_REUSABLE"
    SOURCE_ALREADY_ATTACHED = "SOURCE_ALREADY_ATTACHED"
    SOURCE_NOT_ATTACHED = "SOURCE_NOT_ATTACHED"
    SOURCE_REQUIRES_CUSTOMER = "SOURCE_REQUIRES_CUSTOMER"
    SOURCE_CUSTOMER_MISMATCH = "SOURCE_CUSTOMER_MISMATCH"
    SOURCE_STATE_CONFLICT = "SOURCE_STATE_CONFLICT"
    SOURCE_DUPLICATE = "SOURCE_DUPLICATE"
    TOKEN_WITH_CUSTOMER = "TOKEN_WITH_CUSTOMER"  # noqa: S105 - a code
    TOKEN_ALREADY_USED = "TOKEN_ALREADY_USED"  # noqa: S105
    TOKEN_EXPIRED = "TOKEN_EXPIRED"  # noqa: S105
    TOO_MANY_SOURCES = "TOO_MANY_SOURCES"
    TEST_CARD_REQUIRED = "TEST_CARD_REQUIRED"
    LIVE_MODE_TEST_CARD = "LIVE_MODE_TEST_CARD"
    INVALID_BANK_ACCOUNT_IBAN = "INVALID_BANK_ACCOUNT_IBAN"
    INVALID_OWNER_NAME = "INVALID_OWNER_NAME"
    MANDATE_INVALID = "MANDATE_INVALID"
    CHARGE_EXCEEDS_SOURCE_LIMIT = "CHARGE_EXCEEDS_SOURCE_LIMIT"
    UNSUPPORTED_PAYMENT_CURRENCY = "UNSUPPORTED_PAYMENT_CURRENCY"
    PAYMENT_METHOD_UNSUPPORTED = "PAYMENT_METHOD_UNSUPPORTED"
    NO_ELIGIBLE_PAYMENT_METHODS = "NO_ELIGIBLE_PAYMENT_METHODS"
    TOTAL_PAYMENT_AMOUNT_BELOW_MINIMUM_AMOUNT = "TOTAL_PAYMENT_AMOUNT_BELOW_MINIMUM_AMOUNT"
    PAYMENT_DECLINED = "PAYMENT_DECLINED"
    PREVIOUS_PAYMENT_PENDING = "PREVIOUS_PAYMENT_PENDING"
    TRANSITION_NOT_ALLOWED = "TRANSITION_NOT_ALLOWED"
    UNSUPPORTED_ACTION = "UNSUPPORTED_ACTION"
    IDEMPOTENT_REQUEST_IN_PROGRESS = "IDEMPOTENT_REQUEST_IN_PROGRESS"
    PAYMENT_NOT_SUCCEEDED = "PAYMENT_NOT_SUCCEEDED"
    PAYMENT_ALREADY_REFUNDED = "PAYMENT_ALREADY_REFUNDED"
    PAYMENT_DISPUTED = "PAYMENT_DISPUTED"
    EXISTING_REFUND_REQUEST_PROCESSING = "EXISTING_REFUND_REQUEST_PROCESSING"
    REFUND_WINDOW_EXPIRED = "REFUND_WINDOW_EXPIRED"
    REFUND_AMOUNT_EXCEEDS_PAID_AMOUNT = "REFUND_AMOUNT_EXCEEDS_PAID_AMOUNT"
    ZERO_AMOUNT_PAYMENT_REFUND_NOT_ALLOWED = "ZERO_AMOUNT_PAYMENT_REFUND_NOT_ALLOWED"
    PARTIAL_REFUND_NOT_ALLOWED = "PARTIAL_REFUND_NOT_ALLOWED"
    LINE_ITEM_NOT_FOUND = "LINE_ITEM_NOT_FOUND"
    LINE_ITEM_FULLY_REFUNDED = "LINE_ITEM_FULLY_REFUNDED"
    LINE_ITEM_REFUND_AMOUNT_TOO_HIGH = "LINE_ITEM_REFUND_AMOUNT_TOO_HIGH"
    LINE_ITEM_REFUND_AMOUNT_TOO_LOW = "LINE_ITEM_REFUND_AMOUNT_TOO_LOW"
    DUPLICATE_LINE_ITEMS_IN_REQUEST = "DUPLICATE_LINE_ITEMS_IN_REQUEST"
    DISPUTE_NOT_CHALLENGEABLE = "DISPUTE_NOT_CHALLENGEABLE"
    CHECKOUT_SESSION_CONSUMED = "CHECKOUT_SESSION_CONSUMED"
    CHECKOUT_SESSION_EXPIRED = "CHECKOUT_SESSION_EXPIRED"
    TOO_MANY_REQUESTS = "TOO_MANY_REQUESTS"
    SERVICE_UNAVAILABLE = "SERVICE_UNAVAILABLE"
    OUTCOME_UNKNOWN = "OUTCOME_UNKNOWN"


class MoneyMovement(StrEnum):
    """What is known of the money when a request fails (A24)."""

    NONE = "NONE"
    PENDING = "PENDING"
    MOVED = "MOVED"
    UNKNOWN = "UNKNOWN"


@dataclass(frozen=True, slots=True)
class Manner:
    """How a code is to be taken: its REST equivalent, and whether the same request may yet succeed."""

    http_status: int
    retryable: bool = False
    money_movement: MoneyMovement = MoneyMovement.NONE


MANNERS: Mapping[ErrorCode, Manner] = {
    ErrorCode.FORBIDDEN: Manner(403),
    ErrorCode.NOT_FOUND: Manner(404),
    ErrorCode.GONE: Manner(410),
    ErrorCode.INVALID_REQUEST_PARAMETERS: Manner(422),
    ErrorCode.INVALID_QUERY_PARAMS: Manner(422),
    ErrorCode.MAXIMUM_KEYS_REACHED: Manner(422),
    ErrorCode.UNSUPPORTED_CURRENCY: Manner(422),
    ErrorCode.IDEMPOTENCY_KEY_REUSED: Manner(409),
    ErrorCode.STALE_VERSION: Manner(409),
    ErrorCode.INSUFFICIENT_WALLET_FUNDS: Manner(400),
    ErrorCode.NEGATIVE_BALANCE_ADJUSTMENT: Manner(400),
    ErrorCode.CUSTOMER_BLOCKED: Manner(403),
    ErrorCode.CUSTOMER_NOT_DELETABLE: Manner(409),
    ErrorCode.SOURCE_NOT_CHARGEABLE: Manner(400),
    ErrorCode.SOURCE_NOT_REUSABLE: Manner(400),
    ErrorCode.SOURCE_ALREADY_ATTACHED: Manner(400),
    ErrorCode.SOURCE_NOT_ATTACHED: Manner(400),
    ErrorCode.SOURCE_REQUIRES_CUSTOMER: Manner(400),
    ErrorCode.SOURCE_CUSTOMER_MISMATCH: Manner(400),
    ErrorCode.SOURCE_STATE_CONFLICT: Manner(409),
    ErrorCode.SOURCE_DUPLICATE: Manner(409),
    ErrorCode.TOKEN_WITH_CUSTOMER: Manner(400),
    ErrorCode.TOKEN_ALREADY_USED: Manner(400),
    ErrorCode.TOKEN_EXPIRED: Manner(400),
    ErrorCode.TOO_MANY_SOURCES: Manner(422),
    ErrorCode.TEST_CARD_REQUIRED: Manner(422),
    ErrorCode.LIVE_MODE_TEST_CARD: Manner(422),
    ErrorCode.INVALID_BANK_ACCOUNT_IBAN: Manner(422),
    ErrorCode.INVALID_OWNER_NAME: Manner(422),
    ErrorCode.MANDATE_INVALID: Manner(422),
    ErrorCode.CHARGE_EXCEEDS_SOURCE_LIMIT: Manner(422),
    ErrorCode.UNSUPPORTED_PAYMENT_CURRENCY: Manner(422),
    ErrorCode.PAYMENT_METHOD_UNSUPPORTED: Manner(422),
    ErrorCode.NO_ELIGIBLE_PAYMENT_METHODS: Manner(422),
    ErrorCode.TOTAL_PAYMENT_AMOUNT_BELOW_MINIMUM_AMOUNT: Manner(422),
    ErrorCode.PAYMENT_DECLINED: Manner(402),
    ErrorCode.PREVIOUS_PAYMENT_PENDING: Manner(409),
    ErrorCode.TRANSITION_NOT_ALLOWED: Manner(409),
    ErrorCode.UNSUPPORTED_ACTION: Manner(422),
    ErrorCode.IDEMPOTENT_REQUEST_IN_PROGRESS: Manner(
        409, retryable=True, money_movement=MoneyMovement.UNKNOWN
    ),
    ErrorCode.PAYMENT_NOT_SUCCEEDED: Manner(409),
    ErrorCode.PAYMENT_ALREADY_REFUNDED: Manner(409),
    ErrorCode.PAYMENT_DISPUTED: Manner(409),
    ErrorCode.EXISTING_REFUND_REQUEST_PROCESSING: Manner(409, retryable=True),
    ErrorCode.REFUND_WINDOW_EXPIRED: Manner(422),
    ErrorCode.REFUND_AMOUNT_EXCEEDS_PAID_AMOUNT: Manner(422),
    ErrorCode.ZERO_AMOUNT_PAYMENT_REFUND_NOT_ALLOWED: Manner(422),
    ErrorCode.PARTIAL_REFUND_NOT_ALLOWED: Manner(422),
    ErrorCode.LINE_ITEM_NOT_FOUND: Manner(422),
    ErrorCode.LINE_ITEM_FULLY_REFUNDED: Manner(422),
    ErrorCode.LINE_ITEM_REFUND_AMOUNT_TOO_HIGH: Manner(422),
    ErrorCode.LINE_ITEM_REFUND_AMOUNT_TOO_LOW: Manner(422),
    ErrorCode.DUPLICATE_LINE_ITEMS_IN_REQUEST: Manner(422),
    ErrorCode.DISPUTE_NOT_CHALLENGEABLE: Manner(409),
    ErrorCode.CHECKOUT_SESSION_CONSUMED: Manner(409),
    ErrorCode.CHECKOUT_SESSION_EXPIRED: Manner(410),
    ErrorCode.TOO_MANY_REQUESTS: Manner(429, retryable=True),
    ErrorCode.SERVICE_UNAVAILABLE: Manner(503, retryable=True),
    ErrorCode.OUTCOME_UNKNOWN: Manner(503, retryable=True, money_movement=MoneyMovement.UNKNOWN),
}
assert MANNERS.keys() == set(ErrorCode)


class Refusal(Exception):
    """An anticipated no. Raising it leaves nothing behind: the transaction it is raised in is undone.

    Args:
        code: what clients switch on.
        message: what people read; it never holds a secret or a stack trace.
        path: where in the arguments, such as `("input", "amount")`.
        details: typed extras for the error types that carry more (A22).
    """

    def __init__(self, code: ErrorCode, message: str, path: Path = (), **details: Any) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.path = tuple(path)
        self.details: Mapping[str, Any] = details

    @property
    def manner(self) -> Manner:
        return MANNERS[self.code]


def invalid(message: str, *path: str | int) -> Refusal:
    """The commonest no: a value that is well formed and makes no sense (`INVALID_REQUEST_PARAMETERS`)."""
    return Refusal(ErrorCode.INVALID_REQUEST_PARAMETERS, message, ("input", *path))


def camel_case(name: str) -> str:
    """A name of ours as clients write it: `entry_type` is `entryType`."""
    head, *rest = name.split("_")
    return head + "".join(word.capitalize() for word in rest)


class InsufficientFunds(Refusal):
    """The wallet is short (W22): `balance_minor`, `requested_minor` and `currency` say by how much."""

    def __init__(self, balance_minor: int, requested_minor: int, currency: str) -> None:
        super().__init__(
            ErrorCode.INSUFFICIENT_WALLET_FUNDS,
            f"The wallet holds {balance_minor} minor units of {currency}, "
            f"{requested_minor - balance_minor} less than the {requested_minor} asked for.",
            ("input", "amount"),
        )
        self.balance_minor = balance_minor
        self.requested_minor = requested_minor
        self.currency = currency


class IdempotencyKeyReused(Refusal):
    """The key belongs to another request (W32); the original is not disclosed, only what differs."""

    def __init__(self, mismatched_fields: Sequence[str]) -> None:
        fields = ", ".join(map(camel_case, mismatched_fields))
        super().__init__(
            ErrorCode.IDEMPOTENCY_KEY_REUSED,
            f"This idempotency key belongs to a request with another {fields}. Use a new key for a new request.",
            ("input", "idempotencyKey"),
        )
        self.mismatched_fields = tuple(mismatched_fields)


class StaleVersion(Refusal):
    """Somebody changed the object since it was read (A10)."""

    def __init__(self, current_version: int) -> None:
        super().__init__(
            ErrorCode.STALE_VERSION,
            f"The object has changed and is now at version {current_version}. Read it again, then decide.",
            ("input", "expectedVersion"),
        )
        self.current_version = current_version


class TransitionNotAllowed(Refusal):
    """The object is in a state from which there is no way to the one asked for (A22)."""

    def __init__(self, what: str, from_state: str, to_state: str, path: Path = ()) -> None:
        super().__init__(
            ErrorCode.TRANSITION_NOT_ALLOWED, f"{what} is {from_state} and cannot become {to_state}.", path
        )
        self.from_state = from_state
        self.to_state = to_state


class Declined(Refusal):
    """A bank said no where nothing remains that could record it, as when a source is attached (SR35, PM28).

    `decline_code` is a code of payments.md §4; `user_message` is what the customer may read.
    """

    def __init__(self, decline_code: str, user_message: str, path: Path = ()) -> None:
        super().__init__(ErrorCode.PAYMENT_DECLINED, user_message, path)
        self.decline_code = decline_code
        self.user_message = user_message


class Unavailable(Refusal):
    """The database could not take the change, and certainly did not (invariant 5)."""

    def __init__(self, why: str) -> None:
        super().__init__(ErrorCode.SERVICE_UNAVAILABLE, f"{why} Nothing was changed; try again in a moment.")


class OutcomeUnknown(Refusal):
    """The commit was sent and its answer never came: it may have happened (A24)."""

    def __init__(self) -> None:
        super().__init__(
            ErrorCode.OUTCOME_UNKNOWN,
            "The change may or may not have been made. Repeat the request with the same idempotency key, "
            "or ask `operation(idempotencyKey:)` what became of it.",
        )
