"""Disputes of charges: read, answered with a text, or accepted."""

import hashlib
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from saifu.processors.contract import DisputeReport, OutcomeUnknown
from saifu.refusals import ErrorCode, Refusal

from .amounts import from_stripe
from .api import Object, Refused, dig
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
        said = hashlib.sha256(text.encode()).hexdigest()[:32]
        call = self._api.v1.disputes.update_async(
            processor_ref,
            params={"evidence": {"uncategorized_text": text}, "submit": True},
            options={"idempotency_key": f"{processor_ref}-evidence-{said}"},
        )

        def done(dispute: Object) -> bool:
            submitted = dig(dispute, "evidence_details", "submission_count")
            return bool(submitted) and dig(dispute, "evidence", "uncategorized_text") == text

        return await self._acted("submit evidence", processor_ref, call, done)

    async def accept_dispute(self, processor_ref: str) -> DisputeReport:
        """Give a dispute up; final (PM52).

        Raises:
            OutcomeUnknown: there was no answer.
            Refusal: DISPUTE_NOT_CHALLENGEABLE.
        """
        call = self._api.v1.disputes.close_async(
            processor_ref, options={"idempotency_key": f"{processor_ref}-accept"}
        )
        return await self._acted("accept dispute", processor_ref, call, lambda dispute: _is(dispute, "lost"))

    async def _acted(
        self, doing: str, ref: str, call: Awaitable[Any], done: Callable[[Object], bool]
    ) -> DisputeReport:
        """The dispute after a change that may be repeated: what was done before is refused, and is done."""
        try:
            dispute = await self._api.ask(doing, call)
        except Refused as refused:
            found = await self._api.read("read dispute", self._api.v1.disputes.retrieve_async(ref))
            if found is None or not done(found):
                raise _too_late(refused) from None
            dispute = found
        report = await self._report(dispute)
        if report is None:
            raise OutcomeUnknown(f"{ref} is about a charge that is not ours")
        return report

    async def _report(self, dispute: Object) -> DisputeReport | None:
        reference = await self.payment_of(dispute)
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


def _is(dispute: Object, status: str) -> bool:
    return dispute.get("status") == status


def _too_late(refused: Refused) -> Refusal:
    return Refusal(
        ErrorCode.DISPUTE_NOT_CHALLENGEABLE,
        f"Stripe does not take an answer to this dispute any more ({refused.raw_code}).",
    )
