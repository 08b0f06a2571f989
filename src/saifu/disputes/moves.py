"""One step of a dispute: its status, its event and its money, together (PM50-PM58, W66, W67)."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from saifu import events
from saifu.events import EventType
from saifu.posting import Rules
from saifu.refunds import rows as refund_rows
from saifu.refunds.held import Held
from saifu.refusals import TransitionNotAllowed
from saifu.store import Tx
from saifu.tables import Dispute

from . import clawback, rows
from .transitions import DisputeStage, DisputeStatus, is_open, may

EVENTS: Mapping[DisputeStatus, EventType] = MappingProxyType(
    {
        DisputeStatus.DISPUTE_OPENED: EventType.DISPUTE_OPENED,
        DisputeStatus.DISPUTE_CHALLENGED: EventType.DISPUTE_CHALLENGED,
        DisputeStatus.DISPUTE_ACCEPTED: EventType.DISPUTE_ACCEPTED,
        DisputeStatus.DISPUTE_EXPIRED: EventType.DISPUTE_EXPIRED,
        DisputeStatus.DISPUTE_CANCELLED: EventType.DISPUTE_CANCELLED,
        DisputeStatus.DISPUTE_WON: EventType.DISPUTE_WON,
        DisputeStatus.DISPUTE_LOST: EventType.DISPUTE_LOST,
    }
)
assert EVENTS.keys() == set(DisputeStatus)


def go(
    tx: Tx,
    held: Held,
    dispute: Dispute,
    to: DisputeStatus,
    rules: Rules,
    changes: Mapping[str, Any] = MappingProxyType({}),
) -> Dispute:
    """Take a dispute to another status; it is locked, and before it its payment and its customer.

    Raises:
        TransitionNotAllowed: there is no way from where it stands (PM50-PM58).
    """
    if not may(DisputeStatus(dispute.status), to):
        raise not_allowed(tx, dispute, to)
    settled = {"asked": None, "next_look_at": None}
    after = rows.save(tx, dispute, {**settled, **changes, "status": to})
    return tell(tx, settle_money(tx, held, dispute, after, rules))


def rise(
    tx: Tx, held: Held, dispute: Dispute, to: DisputeStage, rules: Rules, changes: Mapping[str, Any]
) -> Dispute:
    """Raise a dispute to another stage: it is open again, with a new deadline (PM58)."""
    opened = {"stage": to, "status": DisputeStatus.DISPUTE_OPENED, "asked": None, "next_look_at": None}
    after = rows.save(tx, dispute, {**opened, **changes})
    return tell(tx, settle_money(tx, held, dispute, after, rules))


def expire(tx: Tx, held: Held, dispute: Dispute, rules: Rules) -> Dispute:
    """Write down that nobody has answered in time, if that is so (PM53)."""
    if rows.status_of(dispute, tx.now) == dispute.status:
        return dispute
    return go(tx, held, dispute, DisputeStatus.DISPUTE_EXPIRED, rules)


def settle_money(tx: Tx, held: Held, before: Dispute | None, after: Dispute, rules: Rules) -> Dispute:
    """What the wallet bears, once the money of a dispute has gone out or come back (W66, W67)."""
    was_out, is_out = before is not None and rows.is_out(before), rows.is_out(after)
    if is_out and not was_out:
        return _claw(tx, held, after, rules)
    if was_out and not is_out:
        return _return(tx, held, after, rules)
    return after


def _claw(tx: Tx, held: Held, dispute: Dispute, rules: Rules) -> Dispute:
    payment = held.payment
    refunds = refund_rows.of_payments(tx, [payment.id])[payment.id]
    others = [each for each in rows.of_payments(tx, [payment.id])[payment.id] if each.id != dispute.id]
    borne = sum(each.wallet_minor + each.wallet_shortfall_minor for each in others)
    affected = clawback.affected(dispute.amount_minor, clawback.in_wallet(payment, refunds), borne)
    taken = clawback.take(tx, held.customer, dispute, affected, rules)
    if not affected:
        return dispute
    figures = {"wallet_minor": taken.taken_minor, "wallet_shortfall_minor": taken.shortfall_minor}
    return rows.save(tx, dispute, figures)


def _return(tx: Tx, held: Held, dispute: Dispute, rules: Rules) -> Dispute:
    # Of a customer who was deleted since nobody is left to give it to (CU57).
    if dispute.wallet_minor and held.owner:
        clawback.give_back(tx, held.owner, dispute, rules)
    return rows.save(tx, dispute, {"wallet_minor": 0, "wallet_shortfall_minor": 0})


def tell(tx: Tx, dispute: Dispute) -> Dispute:
    """Append the one event of a step (EV7)."""
    kind = EVENTS[DisputeStatus(dispute.status)]
    events.append(tx, dispute.customer_id, kind, dispute.id, rows.snapshot(dispute))
    return dispute


def not_allowed(tx: Tx, dispute: Dispute, to: DisputeStatus) -> TransitionNotAllowed:
    return TransitionNotAllowed("The dispute", rows.status_of(dispute, tx.now), to, ("input", "disputeId"))


def close_inquiries(tx: Tx, held: Held, rules: Rules) -> None:
    """A refund has given its customer what an inquiry is about: there is nothing left to ask (PM49)."""
    for dispute in rows.of_payments(tx, [held.payment.id])[held.payment.id]:
        inquiry = dispute.stage == DisputeStage.PRE_DISPUTE
        if inquiry and is_open(rows.status_of(dispute, tx.now)):
            go(tx, held, rows.locked(tx, dispute.id), DisputeStatus.DISPUTE_CANCELLED, rules)
