"""A small business with five months behind it, written through the same use cases as everything else.

Every figure is the same on every run: what happens is planned from fixed seeds before anything is written, and
the clock stands at each happening's own instant while it is. Ids differ, and so do days, which count back from
the end that the caller names.
"""

import random
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from functools import partial

from sqlalchemy import func
from sqlmodel import col, select

from . import customers, wallets
from .clock import ManualClock
from .demo_people import BLOCKED, DELETED, EMAIL_DOMAIN, PEOPLE, Person
from .money import exponent
from .statements import total
from .store import Store, Tx
from .tables import Customer, Event, LedgerEntry, Wallet
from .wallets import ManualEntry, Rules

DAYS = 150
JOIN_EVERY_DAYS = 3
BONUS_LASTS_DAYS = 30
LOYALTY_LASTS_DAYS = 60
GIFT_LASTS_DAYS = 14
GIFT_ON_DAY = DAYS - 9
QUIET_DAYS = 35
SHOP = (
    ("Sencha, 100 g", 12_50),
    ("コーヒー豆 200g ☕", 9_80),
    ("Notebook, dotted", 7_00),
    ("मसाला चाय", 4_50),
    ("Teapot, cast iron", 48_00),
    ("Filterpapier, 100 Stück", 3_90),
    ("茶碗 (一点もの)", 65_00),
    ("Express delivery", 6_00),
    ("Monthly tasting box", 24_00),
)
DEPOSITS = (25_00, 50_00, 50_00, 100_00, 200_00)
THRESHOLD = 10_00
# What a price in dollars is multiplied with where a dollar is a small coin.
LEVELS: Mapping[str, int] = {"INR": 80, "JPY": 150, "KRW": 1_300, "THB": 35, "VND": 25_000, "IDR": 16_000}

_COUNTS = tuple(select(func.count()).select_from(model) for model in (Customer, LedgerEntry, Event))
_HELD = select(col(Wallet.currency), total(col(Wallet.balance_minor))).group_by(col(Wallet.currency))
_ANYBODY = select(col(Customer.id)).limit(1)

Told = Callable[[int, int], None]


class Kind(StrEnum):
    """What can happen to a customer of the demo."""

    JOIN = "join"
    WELCOME = "welcome"
    THRESHOLD = "threshold"
    DEPOSIT = "deposit"
    LOYALTY = "loyalty"
    GIFT = "gift"
    ORDER = "order"
    REFUND = "refund"
    MOVE = "move"
    BLOCK = "block"
    DELETE = "delete"
    NIGHT = "night"


@dataclass(frozen=True, slots=True)
class Happening:
    """One thing that happens, `after` the beginning; `cents` is a price in US cents, before `LEVELS`."""

    after: timedelta
    kind: Kind
    person: Person = PEOPLE[0]
    currency: str = ""
    cents: int = 0
    key: str = ""
    text: str = ""


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

    rules: Rules
    ids: dict[str, str] = field(default_factory=dict)
    paid: dict[str, int] = field(default_factory=dict)


def is_fresh(tx: Tx) -> bool:
    """Whether nobody is in the database yet."""
    return tx.first(_ANYBODY) is None


async def fill(
    store: Store, clock: ManualClock, rules: Rules, ends_at: datetime, told: Told = lambda done, total: None
) -> Figures:
    """Fill a fresh database with the demo business.

    Args:
        store: open with `clock`, which is moved from `DAYS` before `ends_at` up to it.
        rules: as the gateway would use them; the first two currencies get money.
        told: called after each happening with how many are done, and of how many.
    """
    begins_at = ends_at - timedelta(days=DAYS)
    ledger = _Ledger(rules)
    story = planned(rules.currencies)
    for done, happening in enumerate(story, 1):
        clock.move_to(begins_at + happening.after)
        await store.write(partial(_happen, happening, ledger))
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


def planned(currencies: tuple[str, ...]) -> list[Happening]:
    """All that will happen, in order of time; the same for the same currencies, and nothing of it random."""
    nights = (Happening(timedelta(days=day), Kind.NIGHT) for day in range(1, DAYS))
    lives = (each for number, person in enumerate(PEOPLE) for each in _life(number, person, currencies))
    return sorted((*nights, *lives), key=lambda happening: happening.after)


def _life(number: int, person: Person, currencies: tuple[str, ...]) -> Iterator[Happening]:
    chance = random.Random(f"saifu demo {person.mailbox}")  # noqa: S311 - a story, not a secret
    home = person.home if person.home in currencies else currencies[0]
    start = timedelta(days=number * JOIN_EVERY_DAYS, minutes=chance.randrange(420, 1_260))
    yield Happening(start, Kind.JOIN, person)
    if number % 4 == 0:
        yield Happening(start + timedelta(minutes=2), Kind.THRESHOLD, person, home, THRESHOLD)
    if number % 7:
        yield Happening(start + timedelta(minutes=3), Kind.WELCOME, person, home, 5_00)
    yield from _money(number, person, home, start, chance)
    if number % 6 == 0 and len(currencies) > 1:
        other = next(code for code in currencies if code != home)
        yield Happening(
            start + timedelta(days=5), Kind.DEPOSIT, person, other, 30_00, f"deposit_{person.mailbox}_travel"
        )
    if number % 3 == 0:
        yield Happening(timedelta(days=GIFT_ON_DAY, minutes=number), Kind.GIFT, person, home, 10_00)
    yield from _endings(person)


def _money(
    number: int, person: Person, home: str, start: timedelta, chance: random.Random
) -> Iterator[Happening]:
    at = start + timedelta(minutes=9)
    yield Happening(
        at, Kind.DEPOSIT, person, home, chance.choice(DEPOSITS), f"deposit_{person.mailbox}_first"
    )
    if number % 5 == 1:
        # Those who come back late have lost their bonus by then.
        at += timedelta(days=QUIET_DAYS)
    for order in range(1, 100):
        at += timedelta(days=chance.randint(2, 11), minutes=chance.randrange(-300, 300))
        if at >= timedelta(days=DAYS - 1):
            return
        text, cents = chance.choice(SHOP)
        key = f"order_{number:02}{order:02}"
        if chance.random() < 0.3:  # noqa: PLR2004 - about every third order is paid for by a new deposit
            deposit = chance.choice(DEPOSITS)
            yield Happening(at - timedelta(minutes=8), Kind.DEPOSIT, person, home, deposit, f"deposit_{key}")
        yield Happening(at, Kind.ORDER, person, home, cents, key, text)
        if chance.random() < 0.08:  # noqa: PLR2004 - and one in twelve comes back
            yield Happening(at + timedelta(hours=20), Kind.REFUND, person, home, cents, key, text)
        if order % 8 == 0:
            yield Happening(at + timedelta(minutes=1), Kind.LOYALTY, person, home, 2_00, f"loyalty_{key}")


def _endings(person: Person) -> Iterator[Happening]:
    if person.mailbox == BLOCKED:
        yield Happening(timedelta(days=DAYS - 6), Kind.BLOCK, person)
    if person.mailbox == DELETED:
        yield Happening(timedelta(days=DAYS - 12), Kind.DELETE, person)
    if person is PEOPLE[3]:
        yield Happening(timedelta(days=DAYS - 30), Kind.MOVE, person)


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


def minor(cents: int, currency: str) -> int:
    """A price in US cents as one in a currency: whole minor units, at that currency's level of prices."""
    scale = int(10 ** exponent(currency))
    return max(1, cents * LEVELS.get(currency, 1) * scale // 100)


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
assert _HAPPENS.keys() == set(Kind)
