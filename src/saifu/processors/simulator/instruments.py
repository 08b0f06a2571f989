"""Cards and accounts at the simulator: made of tokens, checked, kept and forgotten."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import orjson
from sqlalchemy import bindparam
from sqlmodel import col, select

from saifu.processors.contract import Attached, CallbackKind, CustomerAt, Instrument, SourceReport
from saifu.processors.declines import DeclineCode
from saifu.refusals import ErrorCode, Refusal
from saifu.store import Tx
from saifu.tables import SimulatorInstrument

from . import callbacks, tokens
from . import house as houses
from .accounts import ACCOUNTS, VERIFICATION_CODE, Account
from .cards import BY_SLUG, Card
from .house import House
from .shelf import Shelf

CHARGEABLE, PENDING, FAILED, CONSUMED = "chargeable", "pending", "failed", "consumed"

INSTRUMENTS = Shelf(
    SimulatorInstrument,
    "ref",
    *("status", "next_status", "due_at", "failure_reason", "received_minor", "is_set_up"),
)
_OF_PAGE = select(SimulatorInstrument).where(col(SimulatorInstrument.page_hash) == bindparam("page_hash"))
_SEPARATORS = str.maketrans("", "", " -/.,")


def of_token(tx: Tx, house: House, token: str, reference: str) -> Instrument:
    """The card behind a token; the same reference gets the same one (SR23).

    Raises:
        Refusal: TOKEN_ALREADY_USED, TOKEN_EXPIRED, INVALID_REQUEST_PARAMETERS.
    """
    ref = house.name("card", f"{reference}:{token}")
    houses.lock(tx)
    known = INSTRUMENTS.get(tx, ref)
    if known is not None:
        return shown(known)
    card = tokens.of_alias(token, house, tx.now) or tokens.use(tx, token, reference)
    row = instrument(ref, reference, "card", card.behaviour, tx.now)
    kept = {"detail_json": _json(card.detail), "fingerprint": card.fingerprint}
    return shown(tx.insert(SimulatorInstrument(**{**row, **kept})))


def instrument(ref: str, reference: str, type: str, behaviour: str, now: datetime) -> dict[str, Any]:
    """The columns of an instrument that is chargeable at once and has nothing special."""
    plain = dict.fromkeys(SimulatorInstrument.model_fields)
    return {
        **plain,
        "ref": ref,
        "reference": reference,
        "type": type,
        "behaviour": behaviour,
        "status": CHARGEABLE,
        "detail_json": "{}",
        "is_set_up": False,
        "created_at": now,
    }


def _json(detail: Mapping[str, Any]) -> str:
    return orjson.dumps(detail).decode()


def shown(row: SimulatorInstrument) -> Instrument:
    return Instrument(row.ref, row.type, orjson.loads(row.detail_json), row.fingerprint)


def behaviour_of(row: SimulatorInstrument) -> Card | Account:
    return BY_SLUG[row.behaviour] if row.type == "card" else ACCOUNTS[row.behaviour]


def status_at(row: SimulatorInstrument, now: datetime) -> str:
    """How it stands by now: what is due has happened."""
    is_due = row.next_status is not None and row.due_at is not None and row.due_at <= now
    return row.next_status if is_due and row.next_status else row.status


def has_expired(row: SimulatorInstrument, now: datetime) -> bool:
    """Whether it is a card whose last month is over (SR65)."""
    if row.type != "card":
        return False
    detail = orjson.loads(row.detail_json)
    return tokens.has_expired(detail["exp_month"], detail["exp_year"], now)


def attach(tx: Tx, ref: str, customer: CustomerAt) -> Attached:  # noqa: ARG001 - it keeps no customers
    """Check an instrument (SR35).

    Raises:
        Refusal: NOT_FOUND.
    """
    row = _known(tx, ref)
    behaviour = behaviour_of(row)
    code = behaviour.check if isinstance(behaviour, Card) else None
    if has_expired(row, tx.now):
        code = DeclineCode.EXPIRED_CARD
    return Attached(None, code, code.lower() if code else None)


def detach(tx: Tx, ref: str) -> None:
    row = INSTRUMENTS.locked(tx, ref)
    if row is not None:
        INSTRUMENTS.save(tx, row, status=CONSUMED, next_status=None, due_at=None)


def verify(tx: Tx, house: House, ref: str, code: str) -> bool:
    """Whether these are the amounts that were sent to the account (SR26); then it is chargeable."""
    row = _known(tx, ref)
    wanted = VERIFICATION_CODE.translate(_SEPARATORS)
    if row.type != "ach_debit" or code.strip().translate(_SEPARATORS) != wanted:
        return False
    if row.status == PENDING:
        become(tx, house, row, CHARGEABLE)
    return True


def become(
    tx: Tx, house: House, row: SimulatorInstrument, status: str, **changes: Any
) -> SimulatorInstrument:
    """Change the status of a source, and have it told."""
    about = callbacks.About(CallbackKind.SOURCE, row.reference, row.ref)
    callbacks.plan(tx, house, about, [callbacks.Notice(status, tx.now)])
    return INSTRUMENTS.save(tx, row, status=status, next_status=None, due_at=None, **changes)


def receive(tx: Tx, house: House, ref: str, amount_minor: int) -> None:
    """Money arrives at the address of a transfer.

    Raises:
        Refusal: NOT_FOUND.
    """
    row = _known(tx, ref)
    become(tx, house, row, CHARGEABLE, received_minor=(row.received_minor or 0) + amount_minor)


def report(row: SimulatorInstrument, now: datetime) -> SourceReport:
    status = status_at(row, now)
    arrived = row.received_minor if status == CHARGEABLE else None
    return SourceReport(status, row.failure_reason, orjson.loads(row.detail_json), arrived)


def of_page(tx: Tx, page_hash: str) -> SimulatorInstrument | None:
    return tx.first(_OF_PAGE, page_hash=page_hash)


def _known(tx: Tx, ref: str) -> SimulatorInstrument:
    row = INSTRUMENTS.locked(tx, ref)
    if row is None:
        raise Refusal(ErrorCode.NOT_FOUND, "There is no such instrument.", ("input", "source"))
    return row
