"""Tokens: a card is looked at once, and what is kept of it is not the card (SR22, SR23, SR90-SR95, PM91, PM92)."""

import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import orjson

from saifu.fields import MAX_NAME, storable
from saifu.processors.declines import DECLINES, DeclineCode
from saifu.redaction import REDACTED, passes_luhn, scrub
from saifu.refusals import Declined, ErrorCode, Refusal, invalid
from saifu.store import Tx
from saifu.tables import SimulatorToken

from . import cards
from .cards import Asks, Card
from .house import House, hashed
from .shelf import Shelf

PREFIX = "tok_"
LIVES = timedelta(minutes=60)
"""How long a token waits for its use (SR23)."""

_RANDOM_BYTES = 24
_NUMBER = re.compile(r"[0-9]{12,19}")
_SEPARATORS = re.compile(r"[ -]")
_COUNTRY = re.compile(r"[A-Z]{2}")
_TWO_DIGITS = 100
_LAST_YEAR = 9998
_ALIAS_YEARS = 4

TOKENS = Shelf(SimulatorToken, "token_hash", "used_by")


@dataclass(frozen=True, slots=True)
class CardDetails:
    """A card as its holder types it. It lives as long as the call that it is given to (SR90).

    Attributes:
        exp_year: four digits, or two of this century.
        country: ISO 3166-1 of the issuer; None for that of the published card.
    """

    number: str = field(repr=False)
    exp_month: int
    exp_year: int
    cvc: str = field(repr=False)
    name: str | None = field(default=None, repr=False)
    country: str | None = None


@dataclass(frozen=True, slots=True)
class Accepted:
    """What is left of a card: how it behaves, what may be shown of it, and its fingerprint (SR92, SR93)."""

    behaviour: str
    detail: Mapping[str, Any]
    fingerprint: str


def declined(code: DeclineCode, *path: str) -> Declined:
    return Declined(code.value, DECLINES[code].shown_as, ("input", *path))


def accepted(details: CardDetails, house: House, now: datetime) -> Accepted:
    """What may be kept of a card.

    Raises:
        Declined: INCORRECT_NUMBER, INVALID_EXPIRY_YEAR, INVALID_CVC.
        Refusal: TEST_CARD_REQUIRED, a number that might be real; INVALID_REQUEST_PARAMETERS.
    """
    card = _published(_SEPARATORS.sub("", details.number))
    year = details.exp_year + 2000 if 0 <= details.exp_year < _TWO_DIGITS else details.exp_year
    if not 1 <= details.exp_month <= 12:  # noqa: PLR2004 - months
        raise invalid("A month is between 1 and 12.", "expMonth")
    if has_expired(details.exp_month, year, now) or year > _LAST_YEAR:
        raise declined(DeclineCode.INVALID_EXPIRY_YEAR, "expYear")
    if not (details.cvc.isascii() and details.cvc.isdigit() and len(details.cvc) == card.cvc_length):
        raise declined(DeclineCode.INVALID_CVC, "cvc")
    country = (details.country or card.country).upper()
    if not _COUNTRY.fullmatch(country):
        raise invalid("A country is two letters of ISO 3166-1.", "country")
    shown = shown_of(card, details.exp_month, year, _name(details.name))
    return Accepted(card.slug, {**shown, "country": country}, house.fingerprint(card.number))


def has_expired(month: int, year: int, now: datetime) -> bool:
    """Whether a card's last month is over (UTC)."""
    return (year, month) < (now.year, now.month)


def shown_of(card: Card, month: int, year: int, name: str | None = None) -> dict[str, Any]:
    """The public detail of a card source (sources.md §1)."""
    return {
        "brand": card.brand,
        "last4": card.last4,
        "exp_month": month,
        "exp_year": year,
        "funding": card.funding,
        "country": card.country,
        "name": name,
        "three_d_secure": "optional" if card.asks is Asks.NEVER else "required",
        "cvc_check": "fail" if card.charge is DeclineCode.INCORRECT_CVC else "pass",
    }


def of_alias(alias: str, house: House, now: datetime) -> Accepted | None:
    """The card that a published token such as `tok_visa` stands for; None for one that is not published."""
    card = cards.BY_ALIAS.get(alias)
    if card is None:
        return None
    shown = shown_of(card, 12, now.year + _ALIAS_YEARS)
    return Accepted(card.slug, shown, house.fingerprint(card.number))


def issue(tx: Tx, card: Accepted) -> str:
    """A fresh token of 192 random bits, stored as its hash."""
    token = PREFIX + secrets.token_urlsafe(_RANDOM_BYTES)
    tx.insert(
        SimulatorToken(
            token_hash=hashed(token),
            behaviour=card.behaviour,
            detail_json=orjson.dumps(card.detail).decode(),
            fingerprint=card.fingerprint,
            used_by=None,
            created_at=tx.now,
            expires_at=tx.now + LIVES,
        )
    )
    return token


def use(tx: Tx, token: str, reference: str) -> Accepted:
    """What a token stands for; it is used up by this reference, which may ask again (SR23).

    Raises:
        Refusal: TOKEN_ALREADY_USED, TOKEN_EXPIRED, INVALID_REQUEST_PARAMETERS for one that never was.
    """
    row = TOKENS.locked(tx, hashed(token)) if storable(token) else None
    if row is None:
        raise invalid("There is no such token.", "token")
    if row.used_by is None:
        if tx.now >= row.expires_at:
            raise Refusal(ErrorCode.TOKEN_EXPIRED, "The token is older than 60 minutes.", ("input", "token"))
        TOKENS.save(tx, row, used_by=reference)
    elif row.used_by != reference:
        raise Refusal(ErrorCode.TOKEN_ALREADY_USED, "The token was used before.", ("input", "token"))
    return Accepted(row.behaviour, orjson.loads(row.detail_json), row.fingerprint)


def _published(number: str) -> Card:
    if not _NUMBER.fullmatch(number) or not passes_luhn([int(digit) for digit in number]):
        raise declined(DeclineCode.INCORRECT_NUMBER, "number")
    card = cards.BY_NUMBER.get(number)
    if card is None:
        raise Refusal(
            ErrorCode.TEST_CARD_REQUIRED,
            "Only published test cards are taken here. Nothing was kept of this one.",
            ("input", "number"),
        )
    return card


def _name(given: str | None) -> str | None:
    name = (given or "").strip()
    if len(name) > MAX_NAME or not storable(name) or REDACTED in scrub(name):
        raise invalid(f"A name has at most {MAX_NAME} characters, and no number of a card.", "name")
    return name or None
