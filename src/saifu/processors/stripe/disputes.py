"""Disputes of charges: read, answered with a text, or accepted."""

import hashlib
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from saifu.processors.contract import DisputeReport, OutcomeUnknown
from saifu.refusals import ErrorCode, Refusal

from .amounts import from_stripe
from .answers import REFERENCE
from .api import Object, Refused, dig, ref_of
from .refunds import Refunds

# status: stage, outcome
_STATUSES: Mapping[str, tuple[str, str | None]] = {
    "warning_needs_response": ("pre_dispute", None),
    "warning_under_review": ("pre_dispute", None),
    "warning_closed": ("pre_dispute", "cancelled"),
    "needs_response": ("dispute", None),
    "under_review": ("dispute", None),
    "won": ("dispute", "won"),
    "lost": ("dispute", "lost"),
    # Resolved automatically by giving the money back, before it became a dispute (PM59b).
    "prevented": ("pre_dispute", "lost"),
    "appeal_needs_response": ("pre_arbitration", None),
    "appeal_under_review": ("pre_arbitration", None),
}


class Disputes(Refunds):
    """Disputes at Stripe."""

    async def look_up_dispute(self, processor_ref: str) -> DisputeReport | None:
        """A dispute as it is now; None when there is none of this name, or it is about a charge that is not ours.

        Raises:
            OutcomeUnknown: it cannot be said.
        """
        call = self._api.v1.disputes.retrieve_async(processor_ref, params={"expand": ["payment_intent"]})
        dispute = await self._api.read("read dispute", call)
        return None if dispute is None else await self._report(dispute)

    async def submit_evidence(self, processor_ref: str, text: str) -> DisputeReport:
        """Send the merchant's answer to the bank; final (PM51).

        Raises:
            OutcomeUnknown: there was no answer.
            Refusal: DISPUTE_NOT_CHALLENGEABLE.
        """
        params = {
            "evidence": {"uncategorized_text": text},
            "submit": True,
            "expand": ["payment_intent"],
        }
        key = hashlib.sha256(text.encode()).hexdigest()[:32]
        return await self._acted("submit evidence", "update_async", processor_ref, params, f"evidence-{key}")

    async def accept_dispute(self, processor_ref: str) -> DisputeReport:
        """Give a dispute up; final (PM52).

        Raises:
            OutcomeUnknown: there was no answer.
            Refusal: DISPUTE_NOT_CHALLENGEABLE.
        """
        params = {"expand": ["payment_intent"]}
        return await self._acted("accept dispute", "close_async", processor_ref, params, "accept")

    async def _acted(self, doing: str, method: str, ref: str, params: Object, key: str) -> DisputeReport:
        act: Any = getattr(self._api.v1.disputes, method)
        call = act(ref, params=params, options={"idempotency_key": f"{ref}-{key}"})
        try:
            report = await self._report(await self._api.ask(doing, call))
        except Refused as refused:
            raise Refusal(
                ErrorCode.DISPUTE_NOT_CHALLENGEABLE,
                f"Stripe does not take an answer to this dispute any more ({refused.raw_code}).",
            ) from None
        if report is None:
            raise OutcomeUnknown(f"{ref} is about a charge that is not ours")
        return report

    async def _report(self, dispute: Object) -> DisputeReport | None:
        reference = await self._reference(dispute)
        if reference is None:
            return None
        stage, outcome = _STATUSES.get(str(dispute.get("status")), ("dispute", None))
        currency = str(dispute["currency"]).upper()
        due_s = dig(dispute, "evidence_details", "due_by")
        return DisputeReport(
            processor_ref=dispute["id"],
            charge_reference=reference,
            amount_minor=from_stripe(dispute["amount"], currency),
            currency=currency,
            stage=stage,
            reason=dispute.get("reason"),
            outcome=outcome,
            respond_by=datetime.fromtimestamp(due_s, UTC) if due_s else None,
        )

    async def _reference(self, dispute: Object) -> str | None:
        """Which payment of ours it is about; Stripe may give its intent as a mere id."""
        intent = dispute.get("payment_intent")
        if not isinstance(intent, Mapping):
            ref = ref_of(intent)
            intent = await self.at(ref) if ref else None
        found: str | None = dig(intent, "metadata", REFERENCE)
        return found
