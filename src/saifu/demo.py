"""A small business with five months behind it, written through the same use cases as everything else.

Every figure is the same on every run: what happens is planned from fixed seeds before anything is written, and
the clock stands at each happening's own instant while it is. Ids differ, and so do days, which count back from
the end that the caller names. Cards are charged at the simulator; no other processor ever hears of it.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial

from sqlalchemy import func
from sqlmodel import col, select

from . import customers, wallets
from .clock import ManualClock
from .demo_people import EMAIL_DOMAIN
from .demo_plan import (
    BONUS_LASTS_DAYS,
    DAYS,
    GIFT_LASTS_DAYS,
    LOYALTY_LASTS_DAYS,
    Happening,
    Kind,
    minor,
    planned,
)
from .flows import Flows
from .payments.machine import PaymentStatus
from .payments.orders import PaymentOrder
from .processors.installed import SIMULATOR
from .refunds.begin import NewRefund
from .sources.given import Given
from .statements import total
from .store import Origin, Store, Tx
from .tables import Customer, Event, LedgerEntry, Wallet
from .wallets import ManualEntry, Rules

_COUNTS = tuple(select(func.count()).select_from(model) for model in (Customer, LedgerEntry, Event))
_HELD = select(col(Wallet.currency), total(col(Wallet.balance_minor))).group_by(col(Wallet.currency))
_ANYBODY = select(col(Customer.id)).limit(1)

Told = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class Figures:
    """What a filled database holds; `balances` in minor units by currency, in the configured order."""

    customers: int
    entries: int
    events: int
    balances: Mapping[str, int]


@dataclass
class _Ledger:
    """What the story must remember while it is told: who is who, and which orders went through."""

    store: Store
    rules: Rules
    ids: dict[str, str] = field(default_factory=dict)
    paid: dict[str, int] = field(default_factory=dict)
    sold: dict[str, str] = field(default_factory=dict)
    has_charged: bool = False


def is_fresh(tx: Tx) -> bool:
    """Whether nobody is in the database yet."""
    return tx.first(_ANYBODY) is None


async def fill(
    store: Store,
    clock: ManualClock,
    house: Flows,
    ends_at: datetime,
    told: Told = lambda done, total: None,
) -> Figures:
    """Fill a fresh database with the demo business.

    Args:
        store: open with `clock`, which is moved from `DAYS` before `ends_at` up to it.
        house: around that store; the first two of its currencies get money, and cards where it charges the simulator.
        told: called after each happening with how many are done, and of how many.
    """
    begins_at = ends_at - timedelta(days=DAYS)
    rules = house.rules.wallet
    ledger, takes_cards = _Ledger(store, rules), house.processors.chosen_name == SIMULATOR
    if house.simulator is not None:
        await house.simulator.start()
    story = planned(rules.currencies)
    for done, happening in enumerate(story, 1):
        clock.move_to(begins_at + happening.after)
        if happening.kind in _HAPPENS:
            await store.write(partial(_happen, happening, ledger))
        if happening.kind in _OUTSIDE and takes_cards:
            await _OUTSIDE[happening.kind](house, ledger, happening)
        told(done, len(story))
    clock.move_to(ends_at)
    return await store.read(lambda tx: figures(tx, rules.currencies))


def _happen(now: Happening, ledger: _Ledger, tx: Tx) -> None:
    _HAPPENS[now.kind](tx, ledger, now)


def figures(tx: Tx, currencies: tuple[str, ...]) -> Figures:
    """What is in the database: how many of each, and what all wallets of a currency hold together."""
    people, entries, happened = (tx.all(count)[0] for count in _COUNTS)
    held = dict(tx.all(_HELD))
    return Figures(people, entries, happened, {code: held.get(code, 0) for code in currencies})


def _join(tx: Tx, ledger: _Ledger, now: Happening) -> None:
    person = now.person
    new = customers.NewCustomer(
        email=f"{person.mailbox}@{EMAIL_DOMAIN}",
        name=person.name,
        phone_number=None,
        metadata={"source": "demo"},
        preferred_locale=person.locale,
        billing_address={"country": person.country, "city": person.city},
    )
    ledger.ids[person.mailbox] = customers.create(tx, new, ledger.rules.currencies).value.id


def _welcome(tx: Tx, ledger: _Ledger, now: Happening) -> None:
    _give(tx, ledger, now, "Welcome bonus", f"welcome_{now.person.mailbox}", BONUS_LASTS_DAYS)


def _loyalty(tx: Tx, ledger: _Ledger, now: Happening) -> None:
    if _alive(tx, ledger, now):
        _give(tx, ledger, now, "Loyalty bonus, eight orders", now.key, LOYALTY_LASTS_DAYS)


def _gift(tx: Tx, ledger: _Ledger, now: Happening) -> None:
    if _alive(tx, ledger, now):
        _give(tx, ledger, now, "A gift for the season 🎁", f"gift_{now.person.mailbox}", GIFT_LASTS_DAYS)


def _give(tx: Tx, ledger: _Ledger, now: Happening, reason: str, key: str, lasts_days: int) -> None:
    """A promotional credit that ends."""
    expires_at = tx.now + timedelta(days=lasts_days)
    _post(tx, ledger, now, "CREDIT", reason, key, funding="promotional", expires_at=expires_at)


def _deposit(tx: Tx, ledger: _Ledger, now: Happening) -> None:
    if _alive(tx, ledger, now):
        _post(tx, ledger, now, "CREDIT", "Account funding - prepaid deposit", now.key)


def _order(tx: Tx, ledger: _Ledger, now: Happening) -> None:
    """Look before charging, as seed 000 advises; an order that is too dear is not placed."""
    if not _alive(tx, ledger, now):
        return
    wallet = (ledger.ids[now.person.mailbox], now.currency)
    price = minor(now.cents, now.currency)
    if wallets.views(tx, [wallet])[wallet].balance_minor >= price:
        _post(tx, ledger, now, "DEBIT", now.text, now.key)
        ledger.paid[now.key] = price


def _refund(tx: Tx, ledger: _Ledger, now: Happening) -> None:
    if now.key in ledger.paid and _alive(tx, ledger, now):
        _post(tx, ledger, now, "CREDIT", f"Refund to wallet: {now.text}", f"refund_{now.key}")


def _threshold(tx: Tx, ledger: _Ledger, now: Happening) -> None:
    customer_id = ledger.ids[now.person.mailbox]
    wallets.set_threshold(
        tx, customer_id, now.currency, minor(now.cents, now.currency), None, None, ledger.rules
    )


async def _card(house: Flows, ledger: _Ledger, now: Happening) -> None:
    customer_id = ledger.ids[now.person.mailbox]
    await house.sources.attach(customer_id, Given.of(now.text), f"card_{now.person.mailbox}", Origin())


async def _sale(house: Flows, ledger: _Ledger, now: Happening) -> None:
    """Charge a card; one that is declined has bought nothing."""
    order = PaymentOrder(
        currency=now.currency,
        customer_id=ledger.ids[now.person.mailbox],
        amount_minor=minor(now.cents, now.currency),
        description=now.text,
        metadata={"order": now.key},
        idempotency_key=now.key,
    )
    payment = (await house.payments.create(order, Origin())).payment
    ledger.has_charged = True
    if payment.status == PaymentStatus.SUCCEEDED:
        ledger.sold[now.key] = payment.id


async def _return(house: Flows, ledger: _Ledger, now: Happening) -> None:
    if now.key in ledger.sold:
        new = NewRefund(ledger.sold[now.key], reason=now.text, idempotency_key=f"return_{now.key}")
        await house.refunds.create(new, Origin())


async def _news(house: Flows, ledger: _Ledger, now: Happening) -> None:  # noqa: ARG001
    """What the bank has to tell of a day on which it was charged, such as a dispute, and what ran out since."""
    if not ledger.has_charged:
        return
    ledger.has_charged = False
    for job in house.jobs():
        await job.run(ledger.store)
    await house.callbacks.close()


def _move(tx: Tx, ledger: _Ledger, now: Happening) -> None:
    change = customers.CustomerChange(billing_address={"country": "AT", "city": "Wien"})
    customers.update(tx, ledger.ids[now.person.mailbox], change)


def _block(tx: Tx, ledger: _Ledger, now: Happening) -> None:
    who = customers.Identifier(customer_id=ledger.ids[now.person.mailbox])
    customers.block(tx, who, reason="Chargebacks on another account", notes=None)


def _delete(tx: Tx, ledger: _Ledger, now: Happening) -> None:
    customers.delete(tx, ledger.ids[now.person.mailbox], forfeit_wallet_balance=True)


def _night(tx: Tx, ledger: _Ledger, now: Happening) -> None:  # noqa: ARG001
    """What the gateway's own jobs do all the time: expire what is over, and give notice of what soon will be."""
    wallets.run_due(tx, ledger.rules)


def _post(
    tx: Tx,
    ledger: _Ledger,
    now: Happening,
    entry_type: str,
    reason: str,
    key: str,
    funding: str | None = None,
    expires_at: datetime | None = None,
) -> None:
    entry = ManualEntry(
        customer_id=ledger.ids[now.person.mailbox],
        currency=now.currency,
        entry_type=entry_type,
        amount_minor=minor(now.cents, now.currency),
        reason=reason,
        idempotency_key=key,
        funding=funding,
        expires_at=expires_at,
        metadata={"order": now.key} if now.kind in {Kind.ORDER, Kind.REFUND} else {},
    )
    wallets.post_manual(tx, entry, ledger.rules)


def _alive(tx: Tx, ledger: _Ledger, now: Happening) -> bool:
    """Whether the customer is still one: nobody sells anything to the blocked and the deleted."""
    (customer,) = customers.by_ids(tx, [ledger.ids[now.person.mailbox]])
    return customer.anonymised_at is None and customer.blocked_at is None


_HAPPENS: Mapping[Kind, Callable[[Tx, _Ledger, Happening], None]] = {
    Kind.JOIN: _join,
    Kind.WELCOME: _welcome,
    Kind.THRESHOLD: _threshold,
    Kind.DEPOSIT: _deposit,
    Kind.LOYALTY: _loyalty,
    Kind.GIFT: _gift,
    Kind.ORDER: _order,
    Kind.REFUND: _refund,
    Kind.MOVE: _move,
    Kind.BLOCK: _block,
    Kind.DELETE: _delete,
    Kind.NIGHT: _night,
}
_OUTSIDE: Mapping[Kind, Callable[[Flows, _Ledger, Happening], Awaitable[None]]] = {
    Kind.CARD: _card,
    Kind.SALE: _sale,
    Kind.RETURN: _return,
    Kind.NIGHT: _news,
}
assert _HAPPENS.keys() | _OUTSIDE.keys() == set(Kind)
