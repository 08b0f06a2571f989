"""Stripe's webhooks: who signed them, and what they hint at."""

import hashlib
import hmac
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from saifu.processors.contract import Callback, CallbackKind, ForgedCallback

from .answers import REFERENCE
from .api import Object, dig, ref_of

HEADER = "stripe-signature"
TOLERANCE_S = 300
"""How old a signature may be, and by how much our clock may be behind Stripe's."""
SCHEME = "v1"


@dataclass(frozen=True, slots=True)
class _Hint:
    """Of which object a type of event speaks, and where in its data the object is named.

    Attributes:
        ref: the path of the processor's name of it, below `data.object`.
        only_ours: whether events without our reference are somebody else's, at an account that others use too.
    """

    kind: CallbackKind
    ref: str = "id"
    only_ours: bool = False


_CHARGE = _Hint(CallbackKind.CHARGE, only_ours=True)
_REFUND = _Hint(CallbackKind.REFUND)
_DISPUTE = _Hint(CallbackKind.DISPUTE)
_SOURCE_OF = _Hint(CallbackKind.SOURCE, ref="payment_method")

# `charge.refunded` names the charge and not the refund; `refund.*` come with it and say more.
EVENTS: Mapping[str, _Hint] = {
    "payment_intent.canceled": _CHARGE,
    "payment_intent.payment_failed": _CHARGE,
    "payment_intent.processing": _CHARGE,
    "payment_intent.requires_action": _CHARGE,
    "payment_intent.succeeded": _CHARGE,
    "refund.created": _REFUND,
    "refund.failed": _REFUND,
    "refund.updated": _REFUND,
    "charge.dispute.closed": _DISPUTE,
    "charge.dispute.created": _DISPUTE,
    "charge.dispute.funds_reinstated": _DISPUTE,
    "charge.dispute.funds_withdrawn": _DISPUTE,
    "charge.dispute.updated": _DISPUTE,
    "setup_intent.setup_failed": _SOURCE_OF,
    "setup_intent.succeeded": _SOURCE_OF,
    "mandate.updated": _SOURCE_OF,
    "payment_method.automatically_updated": _Hint(CallbackKind.SOURCE),
}
"""The events to choose for the webhook; any other is taken and says nothing."""


def verify(header: str | None, body: bytes, secret: str, now: datetime) -> None:
    """Whether Stripe signed these bytes, within the last five minutes (S18).

    Raises:
        ForgedCallback: it did not, or too long ago.
    """
    pairs = [part.strip().partition("=") for part in (header or "").split(",")]
    times = [value for name, _, value in pairs if name == "t"]
    if len(times) != 1 or not (times[0].isascii() and times[0].isdigit()):
        raise ForgedCallback("The signature has no time.")
    wanted = hmac.new(secret.encode(), times[0].encode() + b"." + body, hashlib.sha256).hexdigest().encode()
    # While a secret is being replaced there are two signatures.
    given = [value.encode() for name, _, value in pairs if name == SCHEME]
    if not any(hmac.compare_digest(wanted, each) for each in given):
        raise ForgedCallback("The signature is wrong.")
    if abs(now.timestamp() - int(times[0])) > TOLERANCE_S:
        raise ForgedCallback("The signature is too old.")


def hints(body: bytes, livemode: bool) -> list[Callback]:
    """What an event whose signature is good hints at: one object, or nothing that concerns us.

    Raises:
        ForgedCallback: it is no event.
    """
    try:
        event = json.loads(body)
    except ValueError:
        raise ForgedCallback("The body is not JSON.") from None
    if dig(event, "object") != "event" or not isinstance(dig(event, "id"), str):
        raise ForgedCallback("The body is not an event.")
    hint = EVENTS.get(str(event.get("type")))
    found = dig(event, "data", "object")
    if hint is None or found is None or event.get("livemode") is not livemode:
        return []
    return _callback(event["id"], hint, found)


def _callback(event_id: str, hint: _Hint, found: Object) -> list[Callback]:
    reference = dig(found, "metadata", REFERENCE)
    ref = ref_of(found.get(hint.ref))
    # The reference of a SetupIntent is that of its check, and of a PaymentMethod there is none.
    if hint.kind is CallbackKind.SOURCE:
        reference = None
    if ref is None or (hint.only_ours and reference is None):
        return []
    return [Callback(event_id, hint.kind, reference, ref)]
