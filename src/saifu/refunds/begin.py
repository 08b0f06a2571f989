"""Beginning a refund: all is checked and reserved in one transaction, before any processor is asked (PM40-PM49).

What the processor is then asked, and what follows from its answer, is `flow.py` and `settling.py`. A refund that asks
nothing of a processor is done here and now (W57, W58).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any, NamedTuple

import orjson

from saifu import audit, events, fields
from saifu.disputes import rows as dispute_rows
from saifu.events import EventType
from saifu.idempotency import once
from saifu.ids import new_id
from saifu.ledger.entries import MAX_ENTRY_MINOR
from saifu.payments import rows as payment_rows
from saifu.payments.rules import PaymentRules
from saifu.refusals import invalid
from saifu.store import Tx
from saifu.tables import Payment, Refund

from . import amounts, checks, rows, settling
from .amounts import Due, ItemOrder, Line, Whole
from .held import Held, hold
from .rows import Destination, RefundStatus
from .split import Shares, left, split

REFUND_CREATE = "refundCreate"
MAX_REASON = 3_000
SEND_WITHIN = timedelta(minutes=1)
"""How long the one who began a refund has to send it, before a job does."""


@dataclass(frozen=True, slots=True)
class NewRefund:
    """A refund as a client asks for it (PM42).

    Attributes:
        amount_minor: None, without `items`, is all that can still be refunded.
        items: lines of the payment instead of a sum.
        currency: as a check only: it has to be the payment's (PM45).
    """

    payment_id: str
    amount_minor: int | None = None
    items: Sequence[ItemOrder] | None = None
    destination: Destination = Destination.ORIGINAL
    reason: str | None = None
    metadata: Mapping[str, Any] | None = None
    currency: str | None = None
    idempotency_key: str | None = None


@dataclass(frozen=True, slots=True)
class Begun:
    """The refund, whether an earlier request made it, and whether it is to be sent to its processor now."""

    refund: Refund
    replayed: bool

    @property
    def to_send(self) -> bool:
        return not self.replayed and self.refund.next_look_at is not None


class Checked(NamedTuple):
    """A refund that may be made: how much it is, where it goes, and who had paid it."""

    new: NewRefund
    due: Due
    destination: Destination
    shares: Shares


def begin(tx: Tx, new: NewRefund, rules: PaymentRules) -> Begun:
    """Check and reserve a refund, once per key.

    Raises:
        Refusal: NOT_FOUND; every code of payments.md §5; UNSUPPORTED_CURRENCY (W57), GONE (CU57),
            INVALID_REQUEST_PARAMETERS, MAXIMUM_KEYS_REACHED.
        InsufficientFunds: of a top-up, what was deposited is spent already (W64).
        IdempotencyKeyReused: the key belongs to another request.
    """
    new = _well_formed(new)
    held = hold(tx, new.payment_id)
    done = once(
        tx, new.idempotency_key, REFUND_CREATE, _identity(new), lambda: _make(tx, held, new, rules).id
    )
    return Begun(rows.existing(tx, done.object_id), done.replayed)


def _well_formed(new: NewRefund) -> NewRefund:
    if new.amount_minor is not None and new.items is not None:
        raise invalid("Give an amount or lines, not both.", "items")
    for path, amount_minor in _amounts(new):
        if amount_minor > MAX_ENTRY_MINOR:
            raise invalid(f"An amount is at most {MAX_ENTRY_MINOR} minor units.", *path)
    return replace(
        new,
        reason=fields.free_text(new.reason, MAX_REASON, "reason"),
        metadata=fields.metadata(new.metadata),
    )


def _amounts(new: NewRefund) -> list[tuple[tuple[str | int, ...], int]]:
    of_items = [
        (("items", index, "amount"), item.amount_minor or 0) for index, item in enumerate(new.items or ())
    ]
    return [(("amount",), new.amount_minor or 0), *of_items]


def _identity(new: NewRefund) -> dict[str, Any]:
    """What makes two requests the same; reason and metadata are descriptions (W33)."""
    items = [[item.item_id, item.amount_minor, item.tax_inclusive] for item in new.items or ()]
    return {
        "payment_id": new.payment_id,
        "amount": new.amount_minor,
        "items": items or None,
        "destination": new.destination,
        "currency": new.currency,
    }


def _make(tx: Tx, held: Held, new: NewRefund, rules: PaymentRules) -> Refund:
    payment = held.payment
    refunds = rows.of_payments(tx, [payment.id])[payment.id]
    checks.refuse_payment(payment, refunds)
    if new.currency is not None and new.currency != payment.currency:
        raise invalid(f"The payment was made in {payment.currency}, and so is its refund.", "currency")
    counted = rows.counting(refunds)
    paid = Shares(payment.source_minor, payment.wallet_minor)
    can = checks.refundable(left(paid, map(rows.shares, counted)), held)
    destination = checks.destination_of(new.destination, held)
    disputed = _is_disputed(tx, payment)
    free = can if destination is Destination.ORIGINAL else checks.free_of_dispute(can, disputed)
    due = _due(new, payment, counted, can, free)
    shares = split(due.amount_minor, free)
    if destination is Destination.WALLET:
        checks.refuse_wallet(payment.currency, rules)
    else:
        checks.refuse_original(payment, shares, disputed, tx.now, rules.refund_window_days)
    return written(tx, held, Checked(new, due, destination, shares), rules)


def written(tx: Tx, held: Held, checked: Checked, rules: PaymentRules) -> Refund:
    """Write a refund down and reserve its amount, when nothing stands against it any more."""
    refund = tx.insert(_row(tx, held.payment, checked))
    return _reserved(tx, held, refund, rules)


def _due(new: NewRefund, payment: Payment, counted: list[Refund], can: Shares, free: Shares) -> Due:
    """What was asked for, within what can be refunded; all of what is free, where no amount was named (PM42)."""
    limit_minor = can.total_minor if new.amount_minor or new.items else free.total_minor
    due = wanted(new, payment, counted, limit_minor)
    if due.amount_minor > free.total_minor:
        raise checks.disputed_payment()
    return due


def wanted(new: NewRefund, payment: Payment, counted: list[Refund], limit_minor: int) -> Due:
    """How much a refund comes to, and the tax in it.

    Args:
        counted: what was refunded of the payment already, or is under way.
    """
    if new.items is not None:
        return amounts.of_items(new.items, lines(payment, counted), limit_minor)
    refunded_minor = sum(refund.amount_minor for refund in counted)
    refunded_tax_minor = sum(refund.tax_minor for refund in counted)
    whole = Whole(payment.total_minor, payment.tax_minor, refunded_minor, refunded_tax_minor)
    return amounts.of_amount(new.amount_minor, whole, limit_minor)


def lines(payment: Payment, refunds: Sequence[Refund]) -> dict[str, Line]:
    """The lines of a payment by their ids, with what refunds that named them have taken (PM3).

    A refund of a sum belongs to no line: it only lowers what can be refunded in all.
    """
    taken: dict[str, tuple[int, int]] = {}
    for item in [item for refund in rows.counting(refunds) for item in rows.items(refund)]:
        amount_minor, tax_minor = taken.get(item.item_id, (0, 0))
        taken[item.item_id] = (amount_minor + item.amount_minor, tax_minor + item.tax_minor)
    return {
        line["id"]: Line(line["id"], line["amount"], line["tax"], *taken.get(line["id"], (0, 0)))
        for line in payment_rows.lines(payment)
    }


def _is_disputed(tx: Tx, payment: Payment) -> bool:
    """Whether a bank has what the source had paid (PM49)."""
    disputes = dispute_rows.of_payments(tx, [payment.id])[payment.id]
    return any(dispute_rows.is_out(dispute) for dispute in disputes)


def _row(tx: Tx, payment: Payment, checked: Checked) -> Refund:
    new, due, destination, shares = checked
    source_minor = shares.of_source_minor if destination is Destination.ORIGINAL else 0
    items = [{"id": each.item_id, "amount": each.amount_minor, "tax": each.tax_minor} for each in due.items]
    return Refund(
        id=new_id("ref"),
        payment_id=payment.id,
        customer_id=payment.customer_id,
        currency=payment.currency,
        amount_minor=due.amount_minor,
        tax_minor=due.tax_minor,
        source_minor=source_minor,
        wallet_minor=due.amount_minor - source_minor,
        of_source_minor=shares.of_source_minor,
        destination=destination,
        status=RefundStatus.PENDING,
        is_partial=due.amount_minor < payment.total_minor,
        reason=new.reason,
        failure_reason=None,
        items_json=orjson.dumps(items).decode(),
        metadata_json=orjson.dumps(new.metadata, option=orjson.OPT_SORT_KEYS).decode(),
        processor=payment.processor,
        processor_ref=None,
        network_reference=None,
        network_reference_type=None,
        voided_at=None,
        looks=0,
        next_look_at=None,
        deadline_at=None,
        needs_review_at=None,
        version=1,
        created_at=tx.now,
        updated_at=tx.now,
    )


def _reserved(tx: Tx, held: Held, refund: Refund, rules: PaymentRules) -> Refund:
    """Count it against the payment; then let it go, unless the payment itself waits for its bank (SR86)."""
    under_way = held.payment.refunding_minor + refund.amount_minor
    held = replace(held, payment=payment_rows.save(tx, held.payment, {"refunding_minor": under_way}))
    events.append(tx, refund.customer_id, EventType.REFUND_CREATED, refund.id, rows.snapshot(refund))
    detail = {"payment_id": refund.payment_id, "amount": refund.amount_minor, "currency": refund.currency}
    audit.record(tx, REFUND_CREATE, refund.id, refund.customer_id, detail)
    if checks.is_queued(held.payment):
        return refund
    released = settling.release(tx, held, refund, rules)
    if released.next_look_at is None:
        return released
    # Whoever began it sends it; the job comes in only when that one dies.
    return rows.save(tx, released, {"next_look_at": tx.now + SEND_WITHIN})
