"""What a customer answers on the simulator's pages: for a redirect source, and for a 3DS (PM93, PM94)."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from saifu.processors.contract import ChargeState
from saifu.processors.declines import DeclineCode
from saifu.store import Tx
from saifu.tables import SimulatorCharge, SimulatorInstrument

from . import charges, instruments, outcomes
from .house import House, hashed
from .instruments import CHARGEABLE, FAILED, INSTRUMENTS, PENDING


class Reply(StrEnum):
    """What the customer does."""

    AUTHORISE = "authorise"
    DECLINE = "decline"
    CLOSE = "close"


@dataclass(frozen=True, slots=True)
class Page:
    """One page: what is asked, whether it still can be answered, and where the customer goes then."""

    is_charge: bool
    is_open: bool
    amount_minor: int | None
    currency: str | None
    return_url: str | None


def look(tx: Tx, token: str) -> Page | None:
    """The page of a token; None where there is none."""
    page_hash = hashed(token)
    charge = charges.of_page(tx, page_hash)
    if charge is not None:
        return _of_charge(charge, tx.now)
    source = instruments.of_page(tx, page_hash)
    return _of_source(source, tx.now) if source is not None else None


def reply(tx: Tx, house: House, token: str, given: Reply) -> Page | None:
    """Take an answer, once; an answer to what is settled changes nothing."""
    page_hash = hashed(token)
    charge, source = charges.of_page(tx, page_hash), instruments.of_page(tx, page_hash)
    if charge is not None:
        return _of_charge(_reply_to_charge(tx, house, charge.reference, given), tx.now)
    return _of_source(_reply_to_source(tx, house, source.ref, given), tx.now) if source is not None else None


def _reply_to_charge(tx: Tx, house: House, reference: str, given: Reply) -> SimulatorCharge:
    row = charges.CHARGES.locked(tx, reference)
    assert row is not None, "its page was found a moment ago"
    if charges.standing(row, tx.now).state is not ChargeState.ACTION_REQUIRED:
        return row
    match given:
        case Reply.AUTHORISE:
            return charges.confirm(tx, house, row, None, "authenticated")
        case Reply.DECLINE:
            no = outcomes.declined(DeclineCode.AUTHENTICATION_FAILURE)
            return charges.confirm(tx, house, row, no, "failed")
        case Reply.CLOSE:
            # Nobody has answered: the charge waits until its time is up.
            return row


_STATUSES = {
    Reply.AUTHORISE: (CHARGEABLE, None),
    Reply.DECLINE: (FAILED, "declined"),
    Reply.CLOSE: (FAILED, "user_abort"),
}
assert _STATUSES.keys() == set(Reply)


def _reply_to_source(tx: Tx, house: House, ref: str, given: Reply) -> SimulatorInstrument:
    row = INSTRUMENTS.locked(tx, ref)
    assert row is not None, "its page was found a moment ago"
    if instruments.status_at(row, tx.now) != PENDING:
        return row
    status, reason = _STATUSES[given]
    return instruments.become(tx, house, row, status, failure_reason=reason)


def _of_charge(row: SimulatorCharge, now: datetime) -> Page:
    is_open = charges.standing(row, now).state is ChargeState.ACTION_REQUIRED
    return Page(True, is_open, row.amount_minor, row.currency, charges.return_address(row, now))


def _of_source(row: SimulatorInstrument, now: datetime) -> Page:
    is_open = instruments.status_at(row, now) == PENDING
    # Whoever made the source has put into the address what SR25 wants there.
    return Page(False, is_open, row.amount_minor, row.currency, row.return_url)
