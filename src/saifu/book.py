"""One wallet's ledger, open for writing: every entry there is was written here.

A `Book` is opened by whoever holds the customer's lock. It sweeps what has expired (W75), writes entries in
memory, and then saves: the wallet's row, its lots, its entries with their seals, and their events, in a
handful of statements however many entries there are.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

import orjson
import structlog
from sqlalchemy import bindparam, update
from sqlmodel import col, select

from . import events
from .events import EventType
from .ids import new_id, wallet_id
from .ledger import alerts, chain
from .ledger.entries import (
    CONTRA,
    BalanceTooLarge,
    EntryType,
    Funding,
    NegativeBalance,
    after_balance,
    signed,
)
from .ledger.lots import Draw, Fill, LotState, Spendable
from .posting import Posting, Rules
from .refusals import ErrorCode, InsufficientFunds, Refusal, invalid
from .store import SYSTEM, Actor, Tx
from .tables import Customer, Instant, LedgerEntry, LotMovement, Wallet
from .wallet_events import entry_payload, expiring_payload, low_payload
from .wallet_lots import WalletLots
from .wallet_views import FIRST_VERSION, WalletView

log = structlog.get_logger(__name__)

EXPIRED_REASON = "funds expired"

_WALLET = select(Wallet).where(
    col(Wallet.customer_id) == bindparam("customer_id"), col(Wallet.currency) == bindparam("currency")
)
# The sequence is compared although the lock makes it certain: two ledgers must never grow from one row.
_SAVE_WALLET = (
    update(Wallet)
    .where(
        col(Wallet.customer_id) == bindparam("of_customer"),
        col(Wallet.currency) == bindparam("of_currency"),
        col(Wallet.sequence) == bindparam("found_sequence"),
    )
    .values(
        balance_minor=bindparam("to_balance"),
        paid_minor=bindparam("to_paid"),
        promotional_minor=bindparam("to_promotional"),
        sequence=bindparam("to_sequence"),
        last_hash=bindparam("to_hash"),
        alert_state=bindparam("to_alert_state"),
        version=bindparam("to_version"),
        updated_at=bindparam("to_updated_at", type_=Instant),
    )
)


def stored_wallet(tx: Tx, customer_id: str, currency: str) -> Wallet | None:
    return tx.first(_WALLET, customer_id=customer_id, currency=currency)


def zero_wallet(customer_id: str, currency: str, created_at: datetime) -> Wallet:
    """The row of a wallet that was never used (W1, CU2)."""
    return Wallet(
        customer_id=customer_id,
        currency=currency,
        balance_minor=0,
        paid_minor=0,
        promotional_minor=0,
        sequence=chain.START.sequence,
        last_hash=chain.START.hash,
        low_balance_threshold_minor=None,
        alert_state=alerts.NEW_WALLET,
        version=FIRST_VERSION,
        created_at=created_at,
        updated_at=created_at,
    )


class Book:
    """The ledger of one wallet while a unit of work writes to it. Whoever opens it holds the customer's lock.

    Args:
        alerts_on: False keeps the low-balance alert out of it, as when a customer is deleted.
    """

    def __init__(
        self, tx: Tx, customer: Customer, currency: str, rules: Rules, alerts_on: bool = True
    ) -> None:
        self._tx = tx
        self._rules = rules
        self._alerts_on = alerts_on
        found = stored_wallet(tx, customer.id, currency)
        wallet = found or zero_wallet(customer.id, currency, customer.created_at)
        self._stored = found is not None
        self._wallet = wallet
        self._link = chain.Link(wallet.sequence, wallet.balance_minor, wallet.last_hash)
        self._parts = {Funding.PAID: wallet.paid_minor, Funding.PROMOTIONAL: wallet.promotional_minor}
        self._alert = alerts.AlertState(wallet.alert_state)
        # A clock that jumps back never reorders a ledger.
        self._at = max(tx.now, wallet.updated_at)
        self._lots = WalletLots(tx, customer.id, currency, self._at, rules.reversal_grace_days)
        self._entries: list[LedgerEntry] = []
        self._movements: list[LotMovement] = []
        self._events: list[tuple[EventType, str, dict[str, Any]]] = []

    @property
    def balance_minor(self) -> int:
        return self._link.balance_minor

    def sweep(self) -> list[LedgerEntry]:
        """Write the expiry of every lot that is past it with money left (W76)."""
        return [self._expire(lot) for lot in self._lots.expired()]

    def post(self, posting: Posting) -> LedgerEntry:
        """Sweep, then write one entry with all that follows from it.

        Raises:
            InsufficientFunds: a debit of more than may be taken (W22, W62, W64).
            Refusal: INVALID_REQUEST_PARAMETERS when the balance would pass 2^53-1 (W21);
                NEGATIVE_BALANCE_ADJUSTMENT when the stored wallet contradicts itself (W13).
        """
        self.sweep()
        entry_id = new_id("cwt")
        if not posting.is_credit:
            return self._enter(entry_id, posting, self._take(posting), self._tx.actor)
        fills = self._lots.give(posting, entry_id)
        entry = self._enter(entry_id, posting, fills, self._tx.actor)
        self.sweep()  # money given back to an expired lot without days of grace goes at once (W77)
        self.announce([fill.lot_id for fill in fills])
        return entry

    def announce(self, lot_ids: Iterable[str] | None = None) -> int:
        """Send the one notice of each lot for which it is due (W79); of the lots named, or of all."""
        due = self._lots.unannounced(lot_ids, self._rules.expiry_notice_days)
        customer_id, currency = self._wallet.customer_id, self._wallet.currency
        for lot in due:
            payload = expiring_payload(customer_id, currency, lot, self.balance_minor)
            self._events.append((EventType.WALLET_FUNDS_EXPIRING, lot.id, payload))
        return len(due)

    def judge(self, entry: LedgerEntry, previous_minor: int) -> None:
        """Ask whether the balance is low now, and say so once (W81)."""
        threshold = self._wallet.low_balance_threshold_minor
        if threshold is None:
            threshold = self._rules.thresholds.get(entry.currency)
        self._alert, low = alerts.judge(self._alert, threshold, self.balance_minor, entry.is_credit)
        if low and threshold is not None:
            payload = low_payload(entry, self.balance_minor, previous_minor, threshold)
            object_id = wallet_id(entry.customer_id, entry.currency)
            self._events.append((EventType.WALLET_BALANCE_LOW, object_id, payload))

    def view(self) -> WalletView:
        """The wallet as it is now: swept, so what is stored is what can be spent."""
        wallet, changed = self._wallet, self._changed
        return WalletView(
            customer_id=wallet.customer_id,
            currency=wallet.currency,
            balance_minor=self.balance_minor,
            paid_minor=self._parts[Funding.PAID],
            promotional_minor=self._parts[Funding.PROMOTIONAL],
            sequence=self._link.sequence,
            next_expiry=self._lots.next_expiry(),
            low_balance_threshold_minor=wallet.low_balance_threshold_minor,
            version=wallet.version + changed,
            created_at=wallet.created_at,
            updated_at=self._at if changed else wallet.updated_at,
        )

    def save(self) -> None:
        """Hand everything to the transaction; nothing at all when nothing happened."""
        self._lots.save()
        if self._changed:
            self._save_wallet()
        for kind, object_id, payload in self._events:
            events.append(self._tx, self._wallet.customer_id, kind, object_id, payload)
        for row in (*self._entries, *self._lots.new_rows(), *self._movements):
            self._tx.insert(row)

    @property
    def _changed(self) -> bool:
        return bool(self._entries) or self._alert != self._wallet.alert_state

    def _take(self, posting: Posting) -> Sequence[Draw]:
        available = posting.taking.available(Spendable(*self._parts.values()))
        if posting.amount_minor > available:
            raise InsufficientFunds(available, posting.amount_minor, self._wallet.currency)
        try:
            return self._lots.take(posting)
        except ValueError as fault:
            raise self._contradiction("its lots do not hold its balance") from fault

    def _expire(self, lot: LotState) -> LedgerEntry:
        posting = Posting(
            EntryType.EXPIRY,
            is_credit=False,
            amount_minor=lot.remaining_minor,
            reference_id=self._lots.origin(lot.id),
            reason=EXPIRED_REASON,
        )
        moves = [self._lots.expire(lot)]
        return self._enter(new_id("cwt"), posting, moves, SYSTEM, lot.expires_at)

    def _enter(
        self,
        entry_id: str,
        posting: Posting,
        moves: Sequence[Draw | Fill],
        actor: Actor,
        expired_at: datetime | None = None,
    ) -> LedgerEntry:
        before = self.balance_minor
        entry = self._sealed(entry_id, posting, actor, posting.expires_at or expired_at)
        self._link = chain.link(entry)
        self._entries.append(entry)
        self._move(entry, moves)
        payload = entry_payload(entry, moves)
        self._events.append((EventType.WALLET_BALANCE_CHANGED, entry.id, payload))
        if posting.entry_type is EntryType.EXPIRY:
            self._events.append((EventType.WALLET_FUNDS_EXPIRED, entry.id, payload))
        if self._alerts_on and posting.settled:
            self.judge(entry, before)
        return entry

    def _move(self, entry: LedgerEntry, moves: Sequence[Draw | Fill]) -> None:
        for move in moves:
            self._parts[self._lots[move.lot_id].funding] += signed(move.amount_minor, entry.is_credit)
            self._movements.append(
                LotMovement(
                    customer_id=entry.customer_id,
                    entry_id=entry.id,
                    lot_id=move.lot_id,
                    amount_minor=move.amount_minor,
                )
            )
        if min(self._parts.values()) < 0 or sum(self._parts.values()) != self.balance_minor:
            raise self._contradiction("its parts do not add up to its balance")

    def _sealed(
        self, entry_id: str, posting: Posting, actor: Actor, expires_at: datetime | None
    ) -> LedgerEntry:
        entry = LedgerEntry(
            customer_id=self._wallet.customer_id,
            id=entry_id,
            currency=self._wallet.currency,
            sequence=self._link.sequence + 1,
            entry_type=posting.entry_type,
            is_credit=posting.is_credit,
            amount_minor=posting.amount_minor,
            before_minor=self.balance_minor,
            after_minor=self._after(posting),
            contra_account=CONTRA[posting.entry_type],
            reference_type=posting.reference_type,
            reference_id=posting.reference_id,
            reason=posting.reason,
            funding=posting.funding,
            expires_at=expires_at,
            idempotency_key=posting.key,
            metadata_json=orjson.dumps(posting.metadata).decode(),
            actor_type=actor.type,
            actor_id=actor.id,
            created_at=self._at,
            hash="",
        )
        entry.hash = chain.entry_hash(self._link.hash, entry)
        return entry

    def _after(self, posting: Posting) -> int:
        try:
            return after_balance(self.balance_minor, posting.amount_minor, posting.is_credit)
        except BalanceTooLarge as fault:
            raise invalid("The balance would pass 9007199254740991 minor units.", "amount") from fault
        except NegativeBalance as fault:
            raise self._contradiction("it holds less than its lots") from fault

    def _contradiction(self, what: str) -> Refusal:
        """What is stored cannot be: nothing is written, and somebody has to look (W13)."""
        wallet = wallet_id(self._wallet.customer_id, self._wallet.currency)
        log.error("wallet_contradicts_itself", wallet_id=wallet, what=what)
        return Refusal(
            ErrorCode.NEGATIVE_BALANCE_ADJUSTMENT,
            "This wallet's stored balance contradicts its ledger. Nothing was changed; verify the wallet.",
        )

    def _save_wallet(self) -> None:
        if not self._stored:
            self._tx.insert(self._row())
            return
        row = self._row()
        saved = self._tx.run(
            _SAVE_WALLET,
            of_customer=row.customer_id,
            of_currency=row.currency,
            found_sequence=self._wallet.sequence,
            to_balance=row.balance_minor,
            to_paid=row.paid_minor,
            to_promotional=row.promotional_minor,
            to_sequence=row.sequence,
            to_hash=row.last_hash,
            to_alert_state=row.alert_state,
            to_version=row.version,
            to_updated_at=row.updated_at,
        )
        assert saved == 1, "somebody wrote to this wallet without the customer's lock"

    def _row(self) -> Wallet:
        return Wallet(
            customer_id=self._wallet.customer_id,
            currency=self._wallet.currency,
            balance_minor=self.balance_minor,
            paid_minor=self._parts[Funding.PAID],
            promotional_minor=self._parts[Funding.PROMOTIONAL],
            sequence=self._link.sequence,
            last_hash=self._link.hash,
            low_balance_threshold_minor=self._wallet.low_balance_threshold_minor,
            alert_state=self._alert,
            version=self._wallet.version + 1,
            created_at=self._wallet.created_at,
            updated_at=self._at,
        )
