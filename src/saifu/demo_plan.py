"""What happens in the demo business, planned from fixed seeds before any of it is written."""

import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

from .demo_people import BLOCKED, DELETED, PEOPLE, Person
from .money import exponent

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
CARDS = ("tok_visa", "tok_mastercard", "tok_amex", "tok_visa_debit", "tok_jcb")
# One card can be saved and is declined when it is charged; what another buys, its bank asks back.
_UNLUCKY: Mapping[int, str] = {9: "tok_chargeCustomerFail", 33: "tok_createDispute"}
DEPOSITS = (25_00, 50_00, 50_00, 100_00, 200_00)
THRESHOLD = 10_00
# What a price in dollars is multiplied with where a dollar is a small coin.
LEVELS: Mapping[str, int] = {"INR": 80, "JPY": 150, "KRW": 1_300, "THB": 35, "VND": 25_000, "IDR": 16_000}


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
    CARD = "card"
    SALE = "sale"
    RETURN = "return"
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
    if number % 3 == 0 and person.mailbox not in {BLOCKED, DELETED}:
        yield from _card(number, person, home, start)
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


def _card(number: int, person: Person, home: str, start: timedelta) -> Iterator[Happening]:
    """A card, and what is bought with it about once a month."""
    chance = random.Random(f"saifu demo card {person.mailbox}")  # noqa: S311 - a story, not a secret
    at = start + timedelta(hours=1)
    yield Happening(at, Kind.CARD, person, text=_UNLUCKY.get(number) or chance.choice(CARDS))
    for sale in range(1, 6):
        at += timedelta(days=chance.randint(20, 32), minutes=chance.randrange(-300, 300))
        if at >= timedelta(days=DAYS - 2):
            return
        text, cents = chance.choice(SHOP)
        key = f"sale_{number:02}{sale:02}"
        yield Happening(at, Kind.SALE, person, home, cents, key, text)
        if chance.random() < 0.25:  # noqa: PLR2004 - every fourth comes back
            yield Happening(at + timedelta(hours=20), Kind.RETURN, person, home, cents, key, text)


def _endings(person: Person) -> Iterator[Happening]:
    if person.mailbox == BLOCKED:
        yield Happening(timedelta(days=DAYS - 6), Kind.BLOCK, person)
    if person.mailbox == DELETED:
        yield Happening(timedelta(days=DAYS - 12), Kind.DELETE, person)
    if person is PEOPLE[3]:
        yield Happening(timedelta(days=DAYS - 30), Kind.MOVE, person)


def minor(cents: int, currency: str) -> int:
    """A price in US cents as one in a currency: whole minor units, at that currency's level of prices."""
    scale = int(10 ** exponent(currency))
    return max(1, cents * LEVELS.get(currency, 1) * scale // 100)
