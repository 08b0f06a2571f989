"""Charging: one PaymentIntent for each payment of ours, made and confirmed in one request."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import structlog

from saifu.processors.contract import Charge, ChargeAnswer, ChargeSeen, ChargeState, OutcomeUnknown
from saifu.processors.declines import DeclineCode

from .amounts import from_stripe, to_stripe
from .answers import ACTION, REFERENCE, WAITING, answer, declined
from .api import Object, Refused, dig
from .declines import TABLE, decline_code
from .intents import Intents

TYPES: Mapping[str, str] = {"card": "card", "sepa_debit": "sepa_debit"}
"""Our source types that can be charged, as Stripe calls them."""
OFFLINE_MANDATE = {"customer_acceptance": {"type": "offline", "offline": {}}}
"""The customer's consent to a debit: we hold the evidence (SR80), Stripe is told that there is some."""
log = structlog.get_logger(__name__)


class Charges(Intents):
    """Charges at Stripe."""

    async def charge(self, charge: Charge) -> ChargeAnswer:
        """Charge once, whatever number of times it is sent within a day: the reference is the idempotency key (W46).

        Raises:
            OutcomeUnknown: there was no answer.
        """
        amount = to_stripe(charge.amount_minor, charge.currency)
        if amount is None:
            return declined(None, DeclineCode.INVALID_AMOUNT, "amount_not_representable")
        if charge.instrument_type not in TYPES:
            return declined(None, DeclineCode.PAYMENT_METHOD_UNSUPPORTED, charge.instrument_type)
        order = _order(charge, amount) | _consent(charge)
        call = self._api.v1.payment_intents.create_async(
            params=order, options={"idempotency_key": charge.reference}
        )
        try:
            intent = await self._api.ask("charge", call)
        except Refused as refused:
            return await self._after(refused, charge.reference)
        self.remember(charge.reference, intent["id"])
        return await self._settled(intent)

    async def look_up(self, reference: str) -> ChargeAnswer | None:
        """How the charge of a reference stands; None when Stripe certainly never made it.

        Raises:
            OutcomeUnknown: it cannot be said.
        """
        intent = await self.find(reference)
        return None if intent is None else await self._settled(intent)

    async def charges_since(self, since: datetime) -> list[ChargeSeen]:
        """Every charge of ours that was made since then, in Stripe's own list.

        Raises:
            OutcomeUnknown: it cannot be read, or not to its end.
        """
        found = [intent async for intent in self._listed({"gte": int(since.timestamp())})]
        return [_seen(intent) for intent in found if dig(intent, "metadata", REFERENCE)]

    async def cancel(self, reference: str) -> ChargeAnswer | None:
        """Give up a charge that waits for its customer; one that is done or on its way stays as it is.

        Raises:
            OutcomeUnknown: it cannot be said how it stands.
        """
        intent = await self.find(reference)
        if intent is None:
            return None
        if intent.get("status") in WAITING:
            intent = await self._cancelled(intent)
        return await self._settled(intent)

    async def _after(self, refused: Refused, reference: str) -> ChargeAnswer:
        """What a refusal of the request means for the charge."""
        intent = refused.intent
        if refused.is_decline:
            self.remember(reference, dig(intent, "id"))
            return declined(intent, decline_code(refused.raw_code), refused.raw_code)
        if refused.is_of_test_mode:
            return declined(None, DeclineCode.LIVE_MODE_TEST_CARD, refused.raw_code)
        # A repetition may be refused because the first one was executed: its card is used up by now.
        if (found := await self.find(reference)) is not None:
            return await self._settled(found)
        log.error("stripe_refused_charge", object_id=reference, code=refused.raw_code, path=refused.param)
        code = decline_code(refused.code) if refused.code in TABLE else DeclineCode.INVALID_REQUEST
        return declined(None, code, refused.raw_code)

    async def _settled(self, intent: Object) -> ChargeAnswer:
        """How an intent stands; one that nobody can complete is cancelled first, so that it never comes alive."""
        said = answer(intent)
        if said is not None:
            return said
        waited_for_customer = intent.get("status") == "requires_action"
        intent = await self._cancelled(intent)
        if intent.get("status") != "canceled":
            said = answer(intent)
            if said is None:
                raise OutcomeUnknown(f"{intent['id']} is {intent.get('status')}")
            return said
        if waited_for_customer:
            return declined(intent, DeclineCode.AUTHENTICATION_REQUIRED, "authentication_required")
        return declined(intent, DeclineCode.PROCESSING_ERROR, "never_confirmed")

    async def _cancelled(self, intent: Object) -> Object:
        """The intent after an attempt to cancel it; Stripe refuses that to one which is done.

        Without an idempotency key of ours: cancelling twice is the same as once, while a refusal would be
        repeated under the same key for a day, whatever became of the intent.
        """
        try:
            return await self._api.ask(
                "cancel payment intent", self._api.v1.payment_intents.cancel_async(intent["id"])
            )
        except Refused:
            found = await self.at(intent["id"])
            if found is None:
                raise OutcomeUnknown(f"{intent['id']} is gone") from None
            return found


def _seen(intent: Object) -> ChargeSeen:
    said, currency = answer(intent), str(intent["currency"]).upper()
    return ChargeSeen(
        reference=intent["metadata"][REFERENCE],
        processor_ref=intent["id"],
        amount_minor=from_stripe(intent["amount"], currency),
        currency=currency,
        # What nobody can complete waits until it is given up.
        state=ChargeState.ACTION_REQUIRED if said is None else said.state,
    )


def _consent(charge: Charge) -> dict[str, Any]:
    """What says that the customer agreed: of a bank debit that Stripe does not keep for the customer, a mandate.

    Stripe has had that of an attached one since its check, and takes it off-session.
    """
    if charge.instrument_type != "card" and not charge.is_attached:
        return {"mandate_data": OFFLINE_MANDATE}
    return {} if charge.on_session else {"off_session": True}


def _order(charge: Charge, amount: int) -> dict[str, Any]:
    may_redirect = charge.on_session and charge.return_url is not None
    metadata = {
        REFERENCE: charge.reference,
        ACTION: "redirect" if may_redirect else "none",
        "saifu_customer": charge.customer_id,
        "saifu_source": charge.source_id,
    }
    is_card = charge.instrument_type == "card"
    order = {
        "amount": amount,
        "currency": charge.currency.lower(),
        "payment_method": charge.instrument_ref,
        "payment_method_types": [TYPES[charge.instrument_type]],
        "customer": charge.customer_ref,
        "setup_future_usage": "off_session" if charge.save else None,
        "confirm": True,
        "return_url": charge.return_url if may_redirect else None,
        "description": charge.description,
        "statement_descriptor_suffix": charge.statement_descriptor if is_card else None,
        "statement_descriptor": None if is_card else charge.statement_descriptor,
        "metadata": {key: value for key, value in metadata.items() if value},
        "expand": ["latest_charge"],
    }
    return {key: value for key, value in order.items() if value is not None}
