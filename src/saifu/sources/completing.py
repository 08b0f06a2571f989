"""A pending source becomes chargeable, fails or runs out; a chargeable one runs out too (SR3-SR5, SR11, SR26)."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Integer, bindparam, or_
from sqlmodel import col, select

from saifu.payments.rules import PaymentRules
from saifu.processors.contract import SourceReport
from saifu.refusals import ErrorCode, Refusal, invalid
from saifu.store import Tx
from saifu.tables import Instant, Source

from . import asked, charging, mandates, rows
from .asked import NewMandate
from .kinds import CHARGEABLE_FOR, KINDS, SourceFlow, SourceStatus, SourceType
from .machine import Trigger, move
from .moves import moved

_PATH = ("input", "sourceId")
_DUE = (
    select(Source.id)
    .where(
        col(Source.expires_at) <= bindparam("now", type_=Instant()),
        or_(
            *(col(Source.status) == waits.value for waits in (SourceStatus.PENDING, SourceStatus.CHARGEABLE))
        ),
        col(Source.in_use_by).is_(None),
    )
    .order_by(col(Source.expires_at))
    .limit(bindparam("batch", type_=Integer))
)


def due(tx: Tx, batch: int) -> list[str]:
    """The ids of sources whose time is over."""
    return tx.all(_DUE, now=tx.now, batch=batch)


def lapse(tx: Tx, source_id: str) -> int:
    """Write down that a source's time is over (SR17); answers how many that were."""
    source = rows.locked(tx, source_id)
    if rows.status_at(source, tx.now) == source.status:
        return 0
    moved(tx, source, Trigger.LAPSED, {"expires_at": None})
    return 1


def completed(
    tx: Tx, source: Source, rules: PaymentRules, changes: Mapping[str, Any] | None = None
) -> Source:
    """A pending source, locked, can be charged from now on (SR3)."""
    until = tx.now + CHARGEABLE_FOR if KINDS[SourceType(source.type)].lapses else None
    after = moved(
        tx,
        source,
        Trigger.COMPLETED,
        {**_redirected(source, "succeeded"), "expires_at": until, **(changes or {})},
    )
    mandates.notify(tx, after, None, rules)
    return after


def failed(
    tx: Tx, source: Source, why: str | None = None, changes: Mapping[str, Any] | None = None
) -> Source:
    """A pending source, locked, can never be charged (SR4)."""
    gone = {**_redirected(source, "failed", why), "expires_at": None, **(changes or {})}
    return moved(tx, source, Trigger.REFUSED, gone)


def reported(tx: Tx, source_id: str, report: SourceReport, rules: PaymentRules) -> None:
    """Apply what a processor says of a source: forwards only, and the same twice is once (SR3-SR5, SR12)."""
    known = rows.get(tx, source_id)
    assert known is not None, f"no source {source_id}"
    if known.status == SourceStatus.CHARGEABLE and report.status == SourceStatus.FAILED:
        charging.hopeless(tx, source_id, report.failure_reason or "account_closed")
        return
    source = rows.locked(tx, source_id)
    status = rows.status_at(source, tx.now)
    if status != source.status:
        moved(tx, source, Trigger.LAPSED, {"expires_at": None})
    elif status == SourceStatus.PENDING:
        _settled(tx, source, report, rules)
    elif status == SourceStatus.CHARGEABLE and (news := _news(source, report)):
        rows.save(tx, source, news)


def _settled(tx: Tx, source: Source, report: SourceReport, rules: PaymentRules) -> None:
    if report.status == SourceStatus.CHARGEABLE:
        completed(tx, source, rules, _news(source, report))
    elif report.status == SourceStatus.FAILED:
        failed(tx, source, report.failure_reason)
    elif report.status == SourceStatus.CANCELED:
        moved(tx, source, Trigger.LAPSED, {"expires_at": None})


def attempt(tx: Tx, source_id: str) -> Source:
    """Spend one of the attempts at a code before the processor is asked, so that two at once are two (SR26).

    Raises:
        Refusal: NOT_FOUND, SOURCE_STATE_CONFLICT, it does not wait for a code.
    """
    source = rows.locked(tx, source_id)
    if source.flow != SourceFlow.CODE_VERIFICATION:
        raise Refusal(ErrorCode.SOURCE_STATE_CONFLICT, "This source waits for no code.", _PATH)
    move(rows.status_at(source, tx.now), Trigger.COMPLETED)
    verification = rows.unpacked(source.verification_json) or {}
    left = verification["attempts_remaining"] - 1
    if left < 0:
        raise Refusal(ErrorCode.SOURCE_STATE_CONFLICT, "The attempts are used up.", _PATH)
    return rows.save(
        tx, source, {"verification_json": rows.packed({**verification, "attempts_remaining": left})}
    )


def verified(tx: Tx, source_id: str, rules: PaymentRules) -> Source:
    """The code was right (SR3)."""
    source = rows.locked(tx, source_id)
    if source.status == SourceStatus.CHARGEABLE:
        return source
    return completed(tx, source, rules, _verification(source, "succeeded"))


def misjudged(tx: Tx, source_id: str) -> Refusal:
    """The code was wrong; without an attempt left the source has failed (SR26).

    Returns:
        The refusal for whoever tried, to be raised once this is committed.
    """
    source = rows.locked(tx, source_id)
    left = (rows.unpacked(source.verification_json) or {})["attempts_remaining"]
    if left == 0 and source.status == SourceStatus.PENDING:
        failed(tx, source, changes=_verification(source, "failed"))
    return invalid(f"The code is wrong. {left} more attempts are left.", "code")


def accepted(tx: Tx, source: Source, given: NewMandate, rules: PaymentRules) -> None:
    """A customer has accepted, refused or withdrawn the mandate of a source, locked (SR3, SR4, SR84).

    Raises:
        Refusal: INVALID_REQUEST_PARAMETERS, it has no mandate or no evidence; SOURCE_STATE_CONFLICT (SR13).
    """
    mandate = rows.unpacked(source.mandate_json)
    if mandate is None:
        raise invalid("This source has no mandate.", "mandateAcceptance")
    asked.evidence(given)
    if given.status == mandates.REVOKED:
        move(rows.status_at(source, tx.now), Trigger.HOPELESS)
        charging.hopeless(tx, source.id, mandates.REVOKED)
        return
    changed = {"mandate_json": rows.packed({**mandate, "acceptance": given.acceptance(tx.now)})}
    if given.status == mandates.ACCEPTED:
        completed(tx, source, rules, changed)
    else:
        failed(tx, source, changes=changed)


def _verification(source: Source, status: str) -> dict[str, Any]:
    return {
        "verification_json": rows.packed(
            {**(rows.unpacked(source.verification_json) or {}), "status": status}
        )
    }


def _redirected(source: Source, status: str, why: str | None = None) -> dict[str, Any]:
    redirect = rows.unpacked(source.redirect_json)
    if redirect is None:
        return {}
    return {"redirect_json": rows.packed({**redirect, "status": status, "failure_reason": why})}


def _news(source: Source, report: SourceReport) -> dict[str, Any]:
    """What a processor has learnt: the account behind a push, and how much has arrived."""
    news: dict[str, Any] = {}
    detail = rows.unpacked(source.detail_json) or {}
    if report.detail and {**detail, **report.detail} != detail:
        news["detail_json"] = rows.packed({**detail, **report.detail})
    receiver = rows.unpacked(source.receiver_json)
    received = report.amount_received_minor
    if receiver is not None and received is not None and received > receiver["amount_received"]:
        news["receiver_json"] = rows.packed({**receiver, "amount_received": received})
    return news
