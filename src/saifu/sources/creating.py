"""New sources: what may be asked for, and the row that comes of it (SR1, SR2, SR20-SR24, SR80)."""

import hashlib
import hmac
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import orjson

from saifu import audit, events
from saifu.checkout import urls
from saifu.events import EventType
from saifu.payments.rules import PaymentRules
from saifu.processors.contract import Instrument, Pending
from saifu.store import Tx
from saifu.tables import Source

from . import mandates, rows
from .asked import NewSource
from .kinds import KINDS, PENDING_FOR, SourceFlow, SourceStatus

SECRET_PREFIX = "src_client_secret_"  # noqa: S105 - a prefix
_RANDOM_BYTES = 24
VERIFICATION_ATTEMPTS = 3
"""How many codes its customer may try (SR26)."""


@dataclass(frozen=True, slots=True)
class Made:
    """A source that was made; the secret, which is shown this once (SR96), is None in a repetition."""

    source: Source
    client_secret: str | None
    replayed: bool


@dataclass(frozen=True, slots=True)
class Begun:
    """What the processor has made: an instrument of a token, or a source that its customer may have to complete."""

    id: str
    processor: str
    made: Instrument | Pending
    secret: str = field(repr=False)


def new_secret() -> str:
    """A client secret of 192 random bits; only its hash is stored."""
    return SECRET_PREFIX + secrets.token_urlsafe(_RANDOM_BYTES)


def opens(source: Source, secret: str) -> bool:
    """Whether a secret is the one of a source, compared in constant time (SR96)."""
    return hmac.compare_digest(source.client_secret_hash or "", _hashed(secret))


def address_back(new: NewSource, source_id: str, secret: str, *, live: bool) -> str | None:
    """Where the customer's browser comes back to, with the three names that say which source it was (SR25)."""
    if new.return_url is None:
        return None
    answer = {"source": source_id, "livemode": str(live).lower(), "client_secret": secret}
    return urls.with_outcome(new.return_url, answer)


def insert(tx: Tx, new: NewSource, begun: Begun, rules: PaymentRules) -> Source:
    """Store a new source: chargeable when nobody has to do anything any more, else pending (SR1, SR2)."""
    kind = KINDS[new.type]
    mandate = _mandate(tx, new)
    waits = kind.flow is not SourceFlow.NONE or (mandate is not None and not _accepted(mandate))
    source = rows.insert(
        tx,
        id=begun.id,
        processor=begun.processor,
        processor_ref=begun.made.ref,
        type=new.type.value,
        status=(SourceStatus.PENDING if waits else SourceStatus.CHARGEABLE).value,
        usage=new.natural_usage.value,
        flow=kind.flow.value,
        amount_minor=new.amount_minor,
        currency=new.currency,
        fingerprint=begun.made.fingerprint,
        client_secret_hash=_hashed(begun.secret),
        mandate_reference=mandate["reference"] if mandate else None,
        owner_json=rows.packed(new.owner),
        mandate_json=rows.packed(mandate),
        detail_json=rows.packed(_detail(begun.made, mandate)),
        statement_descriptor=new.statement_descriptor,
        metadata_json=orjson.dumps(new.metadata).decode(),
        expires_at=_expires_at(tx, kind.flow),
        **_steps(new, begun.made),
    )
    if not waits:
        events.append(tx, None, EventType.SOURCE_CHARGEABLE, source.id, rows.snapshot(source))
        mandates.notify(tx, source, None, rules)
    audit.record(tx, "sourceCreate", source.id, None, {"type": source.type})
    return source


def _expires_at(tx: Tx, flow: SourceFlow) -> Any:
    lasts: timedelta | None = PENDING_FOR.get(flow)
    return None if lasts is None else tx.now + lasts


def _steps(new: NewSource, made: Instrument | Pending) -> dict[str, str | None]:
    """What the customer has to do, by the column it stands in."""
    if not isinstance(made, Pending):
        return {}
    steps: Mapping[SourceFlow, tuple[str, Mapping[str, Any]]] = {
        SourceFlow.REDIRECT: (
            "redirect_json",
            {
                "url": made.redirect_url,
                "return_url": new.return_url,
                "status": "pending",
                "failure_reason": None,
            },
        ),
        SourceFlow.RECEIVER: (
            "receiver_json",
            {
                "address": made.receiver_address,
                "amount_received": 0,
                "amount_charged": 0,
                "amount_returned": 0,
                "refund_attributes_status": "missing",
                "refund_attributes_method": "email",
            },
        ),
        SourceFlow.CODE_VERIFICATION: (
            "verification_json",
            {"attempts_remaining": VERIFICATION_ATTEMPTS, "status": "pending"},
        ),
    }
    found = steps.get(KINDS[new.type].flow)
    return {} if found is None else {found[0]: rows.packed(found[1])}


def _mandate(tx: Tx, new: NewSource) -> dict[str, Any] | None:
    if new.mandate is None:
        return None
    return {
        "reference": f"SAIFU-{secrets.token_hex(10).upper()}",
        "url": None,
        "amount": new.mandate.amount_minor,
        "currency": new.currency,
        "interval": new.mandate.interval,
        "notification_method": new.mandate.notification_method,
        "acceptance": new.mandate.acceptance(tx.now),
        "used_by": None,
    }


def _accepted(mandate: Mapping[str, Any]) -> bool:
    status: str = mandate["acceptance"]["status"]
    return status == mandates.ACCEPTED


def _detail(made: Instrument | Pending, mandate: Mapping[str, Any] | None) -> dict[str, Any]:
    shown = {"mandate_reference": mandate["reference"], "mandate_url": mandate["url"]} if mandate else {}
    return {**made.detail, **shown}


def _hashed(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()
