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
