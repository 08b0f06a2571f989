"""Refunds of PaymentIntents."""

from collections.abc import Mapping

import structlog

from saifu.processors.contract import RefundAnswer, RefundOrder, RefundState

from .amounts import to_stripe
from .answers import REFERENCE
from .api import Object, Refused, dig, ref_of
from .charges import Charges

_STATES: Mapping[str, RefundState] = {
    "succeeded": RefundState.SUCCEEDED,
    "failed": RefundState.FAILED,
    "canceled": RefundState.FAILED,
}
_REFERENCE_TYPES = frozenset(
    {"acquirer_reference_number", "system_trace_audit_number", "retrieval_reference_number"}
)
log = structlog.get_logger(__name__)


class Refunds(Charges):
    """Refunds at Stripe."""

    async def refund(self, order: RefundOrder) -> RefundAnswer:
        """Give money of a charge back, once for each reference.

        Raises:
            OutcomeUnknown: there was no answer.
        """
        amount = to_stripe(order.amount_minor, order.currency)
        if amount is None:
            return _failed("amount_not_representable")
        charge_ref = await self._charge_ref(order)
        if charge_ref is None:
            return _failed("charge_not_found")
        call = self._api.v1.refunds.create_async(
            params={
                "payment_intent": charge_ref,
                "amount": amount,
                "metadata": {REFERENCE: order.reference, "saifu_payment": order.charge_reference},
            },
            options={"idempotency_key": order.reference},
        )
        try:
            return _answer(await self._api.ask("refund", call))
        except Refused as refused:
            # As with charges: the second request may be refused because the first gave everything back.
            if (found := await self.look_up_refund(order)) is not None:
                return found
            log.warning("stripe_refused_refund", object_id=order.reference, code=refused.raw_code)
            return _failed(refused.raw_code)

    async def look_up_refund(self, order: RefundOrder) -> RefundAnswer | None:
        """How a refund stands; None when Stripe certainly never made it. The list of a charge's refunds is consistent.

        Raises:
            OutcomeUnknown: it cannot be said.
        """
        charge_ref = await self._charge_ref(order)
        if charge_ref is None:
            return None
        listing = self._api.v1.refunds.list_async
        async for refund in self._api.pages("list refunds", listing, {"payment_intent": charge_ref}):
            if dig(refund, "metadata", REFERENCE) == order.reference:
                return _answer(refund)
        return None

    async def _charge_ref(self, order: RefundOrder) -> str | None:
        if order.charge_ref is not None:
            return order.charge_ref
        intent = await self.find(order.charge_reference)
        return ref_of(intent)


def _answer(refund: Object) -> RefundAnswer:
    number, kind = _network_reference(refund)
    return RefundAnswer(
        state=_STATES.get(str(refund.get("status")), RefundState.PENDING),
        processor_ref=refund["id"],
        failure_reason=refund.get("failure_reason"),
        network_reference=number,
        network_reference_type=kind,
    )


def _network_reference(refund: Object) -> tuple[str | None, str | None]:
    """What the customer's bank can search for: Stripe has it under the kind of instrument, when it has come."""
    details = dig(refund, "destination_details") or {}
    of_type = details.get(details.get("type"))
    number = dig(of_type, "reference")
    kind = dig(of_type, "reference_type")
    return number, (kind if kind in _REFERENCE_TYPES else "other") if number else None


def _failed(reason: str) -> RefundAnswer:
    return RefundAnswer(state=RefundState.FAILED, failure_reason=reason)
