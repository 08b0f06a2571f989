"""The lots of one wallet while something is written to it: read in draw order, changed in memory, saved together."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import Integer, bindparam, case, literal_column, update
from sqlmodel import col, select

from .ids import new_id
from .ledger import lots
from .ledger.entries import Funding
from .ledger.lots import Draw, Fill, LotState, NextExpiry
from .posting import Posting
from .statements import any_of
from .store import Tx
from .tables import Instant, Lot
from .wallet_views import HAS_MONEY

AT_HAND = 16
"""How many lots are read for an ordinary entry, in draw order; the rest only when these do not do."""

# Plain columns: a row object per lot would cost more than all the rest of an entry.
_COLUMNS = select(  # type: ignore[call-overload]
    Lot.id,
    Lot.funding,
    Lot.original_minor,
    Lot.remaining_minor,
    Lot.expires_at,
    Lot.created_at,
    Lot.origin_entry_id,
    Lot.notice_sent_at,
).where(
    col(Lot.customer_id) == bindparam("customer_id"),
    col(Lot.currency) == bindparam("currency"),
)
_LOTS = _COLUMNS.where(HAS_MONEY).order_by(
    case((col(Lot.expires_at).is_(None), literal_column("1")), else_=literal_column("0")),
    col(Lot.expires_at),
    col(Lot.funding).desc(),  # promotional before paid (W70)
    col(Lot.created_at),
    col(Lot.id),
)
_FIRST_LOTS = _LOTS.limit(bindparam("few", type_=Integer))
_LOTS_BY_ID = _COLUMNS.where(any_of(col(Lot.id), "ids"))
_OF_THESE = (col(Lot.customer_id) == bindparam("of_customer"), any_of(col(Lot.id), "ids"))
_EMPTY_LOTS = update(Lot).where(*_OF_THESE).values(remaining_minor=literal_column("0"))
_EXPIRE_LOTS = (
    update(Lot)
    .where(*_OF_THESE)
    .values(remaining_minor=literal_column("0"), expired_at=bindparam("to_expired_at", type_=Instant))
)
_SAVE_LOT = (
    update(Lot)
    .where(col(Lot.customer_id) == bindparam("of_customer"), col(Lot.id) == bindparam("lot_id"))
    .values(
        remaining_minor=bindparam("to_remaining"),
        expires_at=bindparam("to_expires_at", type_=Instant),
        expired_at=bindparam("to_expired_at", type_=Instant),
    )
)
_SAVE_NOTICES = (
    update(Lot).where(*_OF_THESE).values(notice_sent_at=bindparam("to_notice_sent_at", type_=Instant))
)


class _Stored(NamedTuple):
    """A lot as it was read, and what of it the rules do not ask for."""

    state: LotState
    origin_entry_id: str
    notice_sent_at: datetime | None


_FUNDINGS = {funding.value: funding for funding in Funding}


class WalletLots:
    """The lots of one wallet, at `tx.now`. Draws and fills change them here; `save` writes what changed.

    Args:
        at: the instant that is written: `tx.now`, or later when the wallet's last entry is later.
        grace_days: how long money lasts that comes back to a lot that has expired (W77).
    """

    def __init__(self, tx: Tx, customer_id: str, currency: str, at: datetime, grace_days: int) -> None:
        self._tx = tx
        self._wallet = {"customer_id": customer_id, "currency": currency}
        self._at = at
        self._grace_days = grace_days
        self._stored: dict[str, _Stored] = {}
        self._states: dict[str, LotState] = {}
        self._origins: dict[str, str] = {}
        self._expired: set[str] = set()
        self._announced: set[str] = set()
        self._changed: set[str] = set()
        at_hand = self._load(_FIRST_LOTS, few=AT_HAND)
        self._complete = len(at_hand) < AT_HAND
        # Beyond this expiry there may be lots that were not read; None when there can be none.
        self._horizon = None if self._complete else at_hand[-1]

    def __getitem__(self, lot_id: str) -> LotState:
        return self._states[lot_id]

    def origin(self, lot_id: str) -> str:
        """The entry that brought a lot."""
        return self._origins.get(lot_id) or self._stored[lot_id].origin_entry_id

    def expired(self) -> tuple[LotState, ...]:
        """What is to be swept (W76)."""
        # In draw order the expired come first: only when the last at hand is one of them may there be more.
        if self._horizon is not None and self._horizon <= self._tx.now:
            self._load_all()
        return lots.expired(self._states.values(), self._tx.now)

    def expire(self, lot: LotState) -> Draw:
        """Take what is left of an expired lot."""
        self._change(lot.id, -lot.remaining_minor)
        self._expired.add(lot.id)
        return Draw(lot.id, lot.remaining_minor)

    def take(self, posting: Posting) -> tuple[Draw, ...]:
        """Draw a debit from the lots, as it wants them taken.

        Raises:
            ValueError: they do not hold it.
        """
        at_hand = lots.spendable(self._states.values(), self._tx.now).total_minor
        if not posting.taking.from_the_first or at_hand < posting.amount_minor:
            self._load_all()
        draws = posting.taking.draw(self._states.values(), posting.amount_minor, self._tx.now)
        for draw in draws:
            self._change(draw.lot_id, -draw.amount_minor)
        return draws

    def give(self, posting: Posting, entry_id: str) -> tuple[Fill, ...]:
        """Put a credit into the lots that it fills; the rest of it is a new lot."""
        if posting.fills:
            self._load(_LOTS_BY_ID, ids=[fill.lot_id for fill in posting.fills])
        for fill in posting.fills:
            self._refill(fill)
        rest = posting.amount_minor - sum(fill.amount_minor for fill in posting.fills)
        assert rest >= 0, "the lots are given more than the credit brings"
        return (*posting.fills, self._add(posting, rest, entry_id)) if rest else posting.fills

    def unannounced(self, lot_ids: Iterable[str] | None, notice_days: int) -> list[LotState]:
        """Lots, of those named or of all, whose notice is due and was never sent; now it counts as sent (W79)."""
        if lot_ids is None:
            self._load_all()
        found = [self._states[lot_id] for lot_id in (self._states if lot_ids is None else lot_ids)]
        due = [
            lot
            for lot in found
            if lots.expiry_notice_due(lot, self._tx.now, notice_days) and not self._told(lot.id)
        ]
        self._announced.update(lot.id for lot in due)
        return due

    def next_expiry(self) -> NextExpiry | None:
        nearest = lots.next_expiry(self._states.values(), self._tx.now)
        if self._horizon is None or (nearest and nearest.expires_at < self._horizon):
            return nearest
        self._load_all()
        return lots.next_expiry(self._states.values(), self._tx.now)

    def save(self) -> None:
        customer = self._wallet["customer_id"]
        emptied, expired = [], []
        for lot_id in self._changed & self._stored.keys():
            before, state = self._stored[lot_id].state, self._states[lot_id]
            if state.remaining_minor or state.expires_at != before.expires_at:
                self._save(state)
            elif lot_id in self._expired:
                expired.append(lot_id)
            else:
                emptied.append(lot_id)
        if emptied:
            self._tx.run(_EMPTY_LOTS, of_customer=customer, ids=emptied)
        if expired:
            self._tx.run(_EXPIRE_LOTS, of_customer=customer, ids=expired, to_expired_at=self._at)
        if told := sorted(self._announced & self._stored.keys()):
            self._tx.run(_SAVE_NOTICES, of_customer=customer, ids=told, to_notice_sent_at=self._at)

    def new_rows(self) -> list[Lot]:
        """The lots that were added, as they are to be stored."""
        return [self._row(self._states[lot_id], origin) for lot_id, origin in self._origins.items()]

    def _load(self, statement: Any, **params: Any) -> list[datetime | None]:
        """Read lots; answers with their expiries."""
        rows = self._tx.all(statement, **self._wallet, **params)
        for lot_id, funding, original, remaining, expires_at, created_at, origin, noticed in rows:
            if lot_id not in self._states:
                state = LotState(lot_id, _FUNDINGS[funding], original, remaining, expires_at, created_at)
                self._stored[lot_id] = _Stored(state, origin, noticed)
                self._states[lot_id] = state
        return [row[4] for row in rows]

    def _load_all(self) -> None:
        if not self._complete:
            self._load(_LOTS)
            self._complete = True
            self._horizon = None

    def _told(self, lot_id: str) -> bool:
        stored = self._stored.get(lot_id)
        return lot_id in self._announced or (stored is not None and stored.notice_sent_at is not None)

    def _change(self, lot_id: str, by_minor: int) -> None:
        lot = self._states[lot_id]
        self._states[lot_id] = replace(lot, remaining_minor=lot.remaining_minor + by_minor)
        self._changed.add(lot_id)

    def _refill(self, fill: Fill) -> None:
        lot = self._states[fill.lot_id]
        revived = replace(lot, expires_at=lots.revived_expiry(lot, self._tx.now, self._grace_days))
        self._states[lot.id] = revived
        self._expired.discard(lot.id)
        self._change(lot.id, fill.amount_minor)

    def _add(self, posting: Posting, amount_minor: int, entry_id: str) -> Fill:
        funding = posting.funding or Funding.PAID
        lot = LotState(new_id("lot"), funding, amount_minor, amount_minor, posting.expires_at, self._at)
        self._states[lot.id] = lot
        self._origins[lot.id] = entry_id
        return Fill(lot.id, amount_minor)

    def _save(self, state: LotState) -> None:
        self._tx.run(
            _SAVE_LOT,
            of_customer=self._wallet["customer_id"],
            lot_id=state.id,
            to_remaining=state.remaining_minor,
            to_expires_at=state.expires_at,
            to_expired_at=self._at if state.id in self._expired else None,
        )

    def _row(self, lot: LotState, origin_entry_id: str) -> Lot:
        return Lot(
            **self._wallet,
            id=lot.id,
            origin_entry_id=origin_entry_id,
            funding=lot.funding,
            original_minor=lot.original_minor,
            remaining_minor=lot.remaining_minor,
            expires_at=lot.expires_at,
            expired_at=None,
            notice_sent_at=self._at if lot.id in self._announced else None,
            created_at=lot.created_at,
        )
