"""What a PaymentIntent says, as an answer of the contract. Pure: data in, data out."""

from collections.abc import Mapping
from typing import Any

from saifu.processors.contract import ChargeAnswer, ChargeState
from saifu.processors.declines import DeclineCode

from .api import Object, dig
from .declines import decline_code

REFERENCE = "saifu_reference"
"""The key of our reference in the metadata of everything that we make at Stripe."""
ACTION = "saifu_action"
"""Whether somebody is there to be sent to the bank: `redirect` or `none`."""

_STATES: Mapping[str, ChargeState] = {
    "succeeded": ChargeState.SUCCEEDED,
    "processing": ChargeState.PROCESSING,
    "requires_payment_method": ChargeState.DECLINED,
    "requires_action": ChargeState.ACTION_REQUIRED,
    "canceled": ChargeState.CANCELLED,
}
# PaymentIntents that are neither done nor on their way: Stripe holds them open for somebody.
WAITING = frozenset({"requires_action", "requires_confirmation", "requires_capture"})
_THREE_DS_RESULTS = frozenset(
    {"authenticated", "attempt_acknowledged", "exempted", "failed", "not_supported", "processing_error"}
)


def answer(intent: Object) -> ChargeAnswer | None:
    """How a charge stands; None for one that waits for what nobody will do, and is to be given up.

    That is an action without an address to send the customer to (PM19a), and an intent that was made and never
    confirmed, as when Stripe failed between the two.
    """
    state = _STATES.get(str(intent.get("status")))
    if state is ChargeState.CANCELLED and not may_wait(intent):
        return declined(intent, DeclineCode.AUTHENTICATION_REQUIRED, "authentication_required")
    if state is ChargeState.DECLINED:
        return declined(intent, *_last_error(intent))
    action_url = _action_url(intent) if state is ChargeState.ACTION_REQUIRED else None
    if state is None or (state is ChargeState.ACTION_REQUIRED and action_url is None):
        return None
    return ChargeAnswer(
        state=state, processor_ref=intent["id"], action_url=action_url, three_ds=three_ds(intent)
    )


def declined(intent: Object | None, code: DeclineCode, raw_code: str | None) -> ChargeAnswer:
    """The bank's no, or Stripe's."""
    return ChargeAnswer(
        state=ChargeState.DECLINED,
        processor_ref=dig(intent, "id"),
        code=code,
        raw_code=raw_code,
        three_ds=three_ds(intent),
    )


def may_wait(intent: Object) -> bool:
    """Whether the charge was sent with an address to come back to, so that an action of its customer can end it."""
    return bool(dig(intent, "metadata", ACTION) != "none")


def three_ds(intent: Object | None) -> Mapping[str, str | None] | None:
    """How the cardholder was authenticated (payments.md §1); None when there was nothing of the kind."""
    found = dig(intent, "latest_charge", "payment_method_details", "card", "three_d_secure")
    if not found or found.get("result") not in _THREE_DS_RESULTS:
        return None
    return {
        "status": found["result"],
        "flow": found.get("authentication_flow"),
        "version": found.get("version"),
    }


def _last_error(intent: Object) -> tuple[DeclineCode, str | None]:
    error: Any = intent.get("last_payment_error") or {}
    raw = error.get("decline_code") or error.get("code")
    return decline_code(raw), raw


def _action_url(intent: Object) -> str | None:
    url: str | None = dig(intent, "next_action", "redirect_to_url", "url")
    return url
