"""Inputs of disputes, and how each becomes a value of the domain."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import strawberry
from strawberry import ID

from saifu.disputes.answering import Answer, Asked

from .enums_disputes import DisputeStage, DisputeStatus
from .request_keys import optional_key

_DISPUTE = "the dispute as it is then and `replayed: true`"


@strawberry.input(description="Giving in to a dispute; final (PM52).")
class DisputeAcceptInput:
    dispute_id: ID = strawberry.field(description="Which dispute.")
    idempotency_key: str | None = optional_key(_DISPUTE)

    def answer(self) -> Answer:
        return Answer(self.dispute_id, Asked.ACCEPT, idempotency_key=self.idempotency_key)


@strawberry.input(description="Evidence against a dispute, once in each stage (PM51, PM59c).")
class DisputeChallengeInput:
    dispute_id: ID = strawberry.field(description="Which dispute.")
    evidence: str = strawberry.field(
        description="What the bank is to know: 1 to 20 000 characters. In test mode `winning_evidence` wins and "
        "`losing_evidence` loses."
    )
    idempotency_key: str | None = optional_key(_DISPUTE)

    def answer(self) -> Answer:
        return Answer(self.dispute_id, Asked.CHALLENGE, self.evidence, self.idempotency_key)


@strawberry.input(description="Which disputes; all conditions must hold (PM59d).")
class DisputeFilter:
    statuses: list[DisputeStatus] | None = strawberry.field(
        default=None, description="In one of these; an empty list is none."
    )
    stages: list[DisputeStage] | None = strawberry.field(
        default=None, description="In one of these stages; an empty list is none."
    )
    payment_id: ID | None = strawberry.field(default=None, description="About this payment.")
    created_at_gte: datetime | None = strawberry.field(default=None, description="Opened at or after this.")
    created_at_lte: datetime | None = strawberry.field(default=None, description="Opened at or before this.")

    def asked(self) -> Mapping[str, Any]:
        given = dict(vars(self))
        for name in ("statuses", "stages"):
            if given[name] is not None:
                given[name] = tuple(member.value for member in given[name])
        return {name: value for name, value in given.items() if value is not None}
