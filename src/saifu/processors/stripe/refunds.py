"""Refunds of PaymentIntents."""

from collections.abc import Mapping

import structlog

from saifu.processors.contract import RefundAnswer, RefundOrder, RefundReport, RefundState

from .amounts import from_stripe, to_stripe
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
_UNDONE = frozenset({"failed", "canceled"})
REFUNDED_ELSEWHERE = "refunded_elsewhere"
"""Why a refund fails of a charge of which others have given money back already, as in Stripe's dashboard."""
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
            return await self._after_refusal(refused, order, charge_ref)

    async def look_up_refund(self, order: RefundOrder) -> RefundAnswer | None:
        """How a refund stands; None when Stripe certainly never made it. The list of a charge's refunds is consistent.

        Raises:
            OutcomeUnknown: it cannot be said.
        """
        charge_ref = await self._charge_ref(order)
        if charge_ref is None:
            return None
        found = await self._made_of(charge_ref)
        return next((_answer(each) for each in found if _is(each, order)), None)

    async def find_refund(self, processor_ref: str) -> RefundReport | None:
        """A refund by Stripe's own name, whoever made it; None when there is none, or its charge is not ours.

        Raises:
            OutcomeUnknown: it cannot be said.
        """
        call = self._api.v1.refunds.retrieve_async(processor_ref, params={"expand": ["payment_intent"]})
        refund = await self._api.read("read refund", call)
        reference = None if refund is None else await self.payment_of(refund)
        if refund is None or reference is None:
            return None
        currency = str(refund["currency"]).upper()
        amount_minor = from_stripe(refund["amount"], currency)
        return RefundReport(refund["id"], reference, amount_minor, currency, _answer(refund))

    async def payment_of(self, about: Object) -> str | None:
        """Which payment of ours a refund or a dispute is about; Stripe may give its intent as a mere id."""
        intent = about.get("payment_intent")
        if not isinstance(intent, Mapping):
            ref = ref_of(intent)
            intent = await self.at(ref) if ref else None
        return _reference(intent)

    async def _after_refusal(self, refused: Refused, order: RefundOrder, charge_ref: str) -> RefundAnswer:
        """What a refusal means for the refund: the second request may be refused since the first was executed."""
        made = await self._made_of(charge_ref)
        found = next((each for each in made if _is(each, order)), None)
        if found is not None:
            return _answer(found)
        log.warning("stripe_refused_refund", object_id=order.reference, code=refused.raw_code)
        elsewhere = any(_reference(each) is None and each.get("status") not in _UNDONE for each in made)
        return _failed(REFUNDED_ELSEWHERE if elsewhere else refused.raw_code)

    async def _made_of(self, charge_ref: str) -> list[Object]:
        """Every refund of a charge, whoever made it."""
        listing = self._api.v1.refunds.list_async
        pages = self._api.pages("list refunds", listing, {"payment_intent": charge_ref})
        return [refund async for refund in pages]

    async def _charge_ref(self, order: RefundOrder) -> str | None:
        if order.charge_ref is not None:
            return order.charge_ref
        intent = await self.find(order.charge_reference)
        return ref_of(intent)


def _reference(found: Object | None) -> str | None:
    """Our name of it; None for what was made in Stripe's dashboard, or by another program."""
    reference: str | None = dig(found, "metadata", REFERENCE)
    return reference


def _is(refund: Object, order: RefundOrder) -> bool:
    return _reference(refund) == order.reference or refund["id"] == order.processor_ref


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
