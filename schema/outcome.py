"""What went wrong, as the client sees it: the one place where a refusal becomes a typed error (A20-A26).

A refusal inside a mutation is data in the payload's `errors`. Everything else that fails is a
top-level error with a code; of a fault of ours it shows a reference, and the log has the rest.
"""

import functools
import re
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime
from typing import Any, ParamSpec, TypeVar

import strawberry
import structlog
from graphql import GraphQLError, GraphQLSyntaxError, ValueNode, VariableDefinitionNode
from strawberry.exceptions import StrawberryInputCoercionError

from resolvers.context import TopLevelError
from saifu.ids import new_id
from saifu.processors.declines import DeclineCode
from saifu.redaction import scrub
from saifu.refusals import (
    Declined,
    ErrorCode,
    IdempotencyKeyReused,
    InsufficientFunds,
    MoneyMovement,
    Refusal,
    StaleVersion,
    TransitionNotAllowed,
    camel_case,
)

from . import decline_codes, enums, error_codes  # noqa: F401 - describe the enums that are used here
from .arguments import Asked, path_to, variable_path
from .values import Money

P = ParamSpec("P")
Payload = TypeVar("Payload")
Path = tuple[str | int, ...]
log = structlog.get_logger(__name__)


@strawberry.interface(description="An anticipated no (A21): why, where, and whether trying again may help.")
class MutationError:
    code: ErrorCode = strawberry.field(description="What programs switch on.")
    message: str = strawberry.field(description="What people read; never switch on it.")
    path: list[str] = strawberry.field(
        description='Where in the arguments, such as ["input", "amount"]; empty when it is not about one of them.'
    )
    http_status: int = strawberry.field(description="The status a REST interface would answer with.")
    retryable: bool = strawberry.field(description="Whether the same request may succeed later.")
    money_movement: MoneyMovement = strawberry.field(description="What is known of the money.")

    @classmethod
    def common(cls, refusal: Refusal) -> dict[str, Any]:
        manner = refusal.manner
        return {
            "code": refusal.code,
            "message": refusal.message,
            "path": [str(step) for step in refusal.path],
            "http_status": manner.http_status,
            "retryable": manner.retryable,
            "money_movement": manner.money_movement,
        }


@strawberry.type(description="A refusal that its code says all about.")
class GenericError(MutationError):
    pass


@strawberry.type(description="The wallet holds less than was asked for: `INSUFFICIENT_WALLET_FUNDS` (W22).")
class InsufficientFundsError(MutationError):
    balance: Money = strawberry.field(description="What the wallet can spend now.")
    requested: Money = strawberry.field(description="What was asked for.")
    shortfall: Money = strawberry.field(description="How much is missing; at least 1.")


@strawberry.type(description="The key belongs to another request: `IDEMPOTENCY_KEY_REUSED` (W32).")
class IdempotencyKeyReusedError(MutationError):
    mismatched_fields: list[str] = strawberry.field(
        description="The names of what differs from the request that first used the key, such as `amount`."
    )


@strawberry.type(description="The object has changed since it was read: `STALE_VERSION` (A10).")
class StaleVersionError(MutationError):
    current_version: int = strawberry.field(description="The version it is at now.")


@strawberry.type(
    description="A bank said no: `PAYMENT_DECLINED` (A25). Beside it stands the failed payment, where there is one."
)
class PaymentDeclinedError(MutationError):
    decline_code: DeclineCode = strawberry.field(
        description="Why. A customer session reads `GENERIC_DECLINE` in place of a code that would help a thief (PM32)."
    )
    user_message: str = strawberry.field(description="What the customer may read.")
    next_attempt_at: datetime | None = strawberry.field(
        default=None, description="When it is tried again by itself; null when it is not."
    )


@strawberry.type(description="The object's state does not allow this: `TRANSITION_NOT_ALLOWED`.")
class TransitionNotAllowedError(MutationError):
    from_: str = strawberry.field(name="from", description="The state it is in.")
    to: str = strawberry.field(description="The state that was asked for.")


def _insufficient(no: InsufficientFunds) -> MutationError:
    return InsufficientFundsError(
        **MutationError.common(no),
        balance=Money.of(no.balance_minor, no.currency),
        requested=Money.of(no.requested_minor, no.currency),
        shortfall=Money.of(no.requested_minor - no.balance_minor, no.currency),
    )


def _reused(no: IdempotencyKeyReused) -> MutationError:
    return IdempotencyKeyReusedError(
        **MutationError.common(no), mismatched_fields=[camel_case(name) for name in no.mismatched_fields]
    )


def _stale(no: StaleVersion) -> MutationError:
    return StaleVersionError(**MutationError.common(no), current_version=no.current_version)


def _declined(no: Declined) -> MutationError:
    return PaymentDeclinedError(
        **MutationError.common(no),
        decline_code=DeclineCode(no.decline_code),
        user_message=no.user_message,
    )


def _not_allowed(no: TransitionNotAllowed) -> MutationError:
    return TransitionNotAllowedError(**MutationError.common(no), from_=no.from_state, to=no.to_state)


_TYPED: Mapping[type[Refusal], Callable[[Any], MutationError]] = {
    InsufficientFunds: _insufficient,
    IdempotencyKeyReused: _reused,
    StaleVersion: _stale,
    Declined: _declined,
    TransitionNotAllowed: _not_allowed,
}
ERROR_TYPES = (
    GenericError,
    InsufficientFundsError,
    IdempotencyKeyReusedError,
    StaleVersionError,
    PaymentDeclinedError,
    TransitionNotAllowedError,
)


def typed(refusal: Refusal) -> MutationError:
    """A refusal as the client's type for it."""
    make = _TYPED.get(type(refusal))
    return make(refusal) if make else GenericError(**MutationError.common(refusal))


def answering(
    payload: Callable[..., Payload], moved: Mapping[Path, Path] | None = None
) -> Callable[[Callable[P, Awaitable[Payload]]], Callable[P, Awaitable[Payload]]]:
    """Let a mutation answer a refusal with its payload: `errors` filled, everything else empty (A20).

    Args:
        moved: where the engine's paths are in the input, for those that are elsewhere.
    """

    def decorate(mutate: Callable[P, Awaitable[Payload]]) -> Callable[P, Awaitable[Payload]]:
        @functools.wraps(mutate)
        async def answer(*args: P.args, **kwargs: P.kwargs) -> Payload:
            try:
                return await mutate(*args, **kwargs)
            except Refusal as refusal:
                refusal.path = (moved or {}).get(refusal.path, refusal.path)
                return payload(errors=[typed(refusal)])

        return answer

    return decorate


def dressed(error: GraphQLError, asked: Asked, request_id: str) -> GraphQLError:
    """A top-level error with its code (A26), and without anything that is only ours to know."""
    cause = error.original_error
    if isinstance(cause, TopLevelError):
        return _with(error, cause.message, cause.extensions)
    if isinstance(cause, Refusal):
        return _with(error, cause.message, _of_refusal(cause))
    if cause is not None and not isinstance(cause, GraphQLError):
        return _fault(error, cause, request_id)
    code = _stage(error)
    status = 422 if code == "BAD_USER_INPUT" else 400
    extensions = {"code": code, "httpStatus": status, **(error.extensions or {})}
    if "path" not in extensions and (path := _place(error, asked)):
        extensions["path"] = path
    return _with(error, scrub(_ECHO.sub("", error.message)), extensions)


_ECHO = re.compile(r"(, found)?: [{\[].*[}\]]", re.DOTALL)
"""Lists and objects as they were sent, with something wrong in them: they may hold what no message may (G11)."""

_TOP_LEVEL_CODES: Mapping[ErrorCode, str] = {
    ErrorCode.FORBIDDEN: "FORBIDDEN",
    ErrorCode.SERVICE_UNAVAILABLE: "INTERNAL_SERVER_ERROR",
    ErrorCode.OUTCOME_UNKNOWN: "INTERNAL_SERVER_ERROR",
    ErrorCode.NEGATIVE_BALANCE_ADJUSTMENT: "INTERNAL_SERVER_ERROR",
}


def _of_refusal(refusal: Refusal) -> dict[str, Any]:
    """A refusal outside a mutation: queries have nowhere else to put it."""
    return {
        "code": _TOP_LEVEL_CODES.get(refusal.code, "BAD_USER_INPUT"),
        "errorCode": refusal.code.value,
        "httpStatus": refusal.manner.http_status,
        "retryable": refusal.manner.retryable,
        "path": list(refusal.path),
    }


def _fault(error: GraphQLError, cause: BaseException, request_id: str) -> GraphQLError:
    reference = new_id("req")
    log.error(
        "request_failed",
        reference=reference,
        request_id=request_id,
        at=error.path,
        exc_info=cause,
    )
    message = f"Something went wrong on our side. Quote the reference {reference} when you report it."
    return _with(error, message, {"code": "INTERNAL_SERVER_ERROR", "httpStatus": 500, "reference": reference})


def _stage(error: GraphQLError) -> str:
    """Where a request was found wanting: while it was parsed, while it was validated, or in its values."""
    if isinstance(error, GraphQLSyntaxError):
        return "GRAPHQL_PARSE_FAILED"
    of_input = isinstance(error, StrawberryInputCoercionError)
    in_values = of_input or _variable(error) is not None or error.path is not None
    return "BAD_USER_INPUT" if in_values else "GRAPHQL_VALIDATION_FAILED"


def _variable(error: GraphQLError) -> VariableDefinitionNode | None:
    """The definition of the variable whose value was refused. (Validation names such nodes too, without a cause.)"""
    node = error.nodes[0] if error.nodes else None
    given = isinstance(error.original_error, GraphQLError)
    return node if given and isinstance(node, VariableDefinitionNode) else None


def _place(error: GraphQLError, asked: Asked) -> list[str | int]:
    if asked.document is None:
        return []
    variable = _variable(error)
    if variable is not None:
        return variable_path(asked, variable, error)
    node = error.nodes[0] if error.nodes else None
    return path_to(asked.document, node) if isinstance(node, ValueNode) else []


def _with(error: GraphQLError, message: str, extensions: dict[str, Any]) -> GraphQLError:
    return GraphQLError(
        message,
        nodes=error.nodes,
        source=error.source,
        positions=error.positions,
        path=error.path,
        extensions=extensions,
    )
