"""Wallets as the rest of the house sees them, and the one way in which money moves.

Money moves through a `Book`, opened under the customer's lock; whatever is asked for here ends there.
"""

from . import locks
from .book import Book
from .ledger.entries import EntryType
from .manual_entries import ManualEntry, Posted, post_manual, refuse_currency
from .posting import IN_ORDER, PAID_FIRST, Posting, Rules, Taking, from_top_up
from .store import Tx
from .tables import Customer, LedgerEntry
from .wallet_events import entry_payload
from .wallet_proofs import CurrencyBalance, Verdict, trial_balance, verify
from .wallet_reports import Period, balance_trend, spend_report, summaries
from .wallet_settings import set_threshold, update_lot_expiry
from .wallet_upkeep import backfill, due, notices_due, open_for
from .wallet_views import (
    ENTRIES,
    LOTS,
    WalletKey,
    WalletView,
    balance_at,
    balances,
    movements,
    of_customers,
    status,
    views,
)

__all__ = [
    "ENTRIES",
    "IN_ORDER",
    "LOTS",
    "PAID_FIRST",
    "CurrencyBalance",
    "ManualEntry",
    "Period",
    "Posted",
    "Posting",
    "Rules",
    "Taking",
    "Verdict",
    "WalletKey",
    "WalletView",
    "backfill",
    "balance_at",
    "balance_trend",
    "balances",
    "due",
    "entry_payload",
    "forfeit",
    "from_top_up",
    "judge_settled",
    "movements",
    "notices",
    "notices_due",
    "of_customers",
    "open_for",
    "post",
    "post_manual",
    "refuse_currency",
    "run_due",
    "set_threshold",
    "spend_report",
    "status",
    "summaries",
    "sweep",
    "trial_balance",
    "update_lot_expiry",
    "verify",
    "views",
]

FORFEITED_REASON = "customer deleted: balance forfeited"


def post(tx: Tx, customer: Customer, currency: str, posting: Posting, rules: Rules) -> LedgerEntry:
    """Move money: the one way there is, for every type of entry (W2.1).

    `customer` was locked in this transaction. Expired lots are swept first, so the balance that a debit
    finds is the one that every reader sees (W75).

    Raises:
        InsufficientFunds: a debit of more than `posting.taking` may take (W22, W62, W64).
        Refusal: INVALID_REQUEST_PARAMETERS when the balance would pass 2^53-1 (W21);
            NEGATIVE_BALANCE_ADJUSTMENT when the stored wallet contradicts itself (W13).
    """
    book = Book(tx, customer, currency, rules)
    entry = book.post(posting)
    book.save()
    return entry


def judge_settled(tx: Tx, customer: Customer, debit: LedgerEntry, rules: Rules) -> None:
    """Judge a debit that was posted with `settled=False`, now that its payment has succeeded (W82)."""
    book = Book(tx, customer, debit.currency, rules)
    book.sweep()
    book.judge(debit, previous_minor=debit.before_minor)
    book.save()


def sweep(tx: Tx, customer_id: str, currency: str, rules: Rules) -> list[LedgerEntry]:
    """Write the expiry of what has expired in one wallet; nothing when somebody else already did (W76)."""
    book = Book(tx, locks.lock(tx, customer_id), currency, rules)
    swept = book.sweep()
    book.save()
    return swept


def notices(tx: Tx, customer_id: str, currency: str, rules: Rules) -> int:
    """Announce the lots of one wallet that expire soon, each once; answers how many were (W79)."""
    book = Book(tx, locks.lock(tx, customer_id), currency, rules)
    book.sweep()
    announced = book.announce()
    book.save()
    return announced


def run_due(tx: Tx, rules: Rules, limit: int = 1_000) -> int:
    """Sweep and announce what is due in up to `limit` wallets, all in this one transaction; answers in how many.

    For demos and tests, which own their database: a job takes a transaction per wallet, so that nobody waits
    for a customer that is not theirs (W39).
    """
    swept, soon = due(tx, limit), notices_due(tx, rules, limit)
    for customer_id, currency in sorted(swept):
        sweep(tx, customer_id, currency, rules)
    for customer_id, currency in sorted(soon):
        notices(tx, customer_id, currency, rules)
    return len({*swept, *soon})


def forfeit(tx: Tx, customer_id: str) -> list[LedgerEntry]:
    """Bring every wallet of a customer to 0, one debit each, before the customer is deleted (CU52).

    No wallet of a customer that is going is called low: there is nobody left to fill it.
    """
    customer = locks.lock(tx, customer_id)
    entries = []
    for wallet in balances(tx, customer_id):
        book = Book(tx, customer, wallet.currency, _NO_RULES, alerts_on=False)
        book.sweep()
        if book.balance_minor:
            entries.append(book.post(_forfeiture(book.balance_minor)))
        book.save()
    return entries


_NO_RULES = Rules((), {}, None, reversal_grace_days=0, expiry_notice_days=0)


def _forfeiture(balance_minor: int) -> Posting:
    return Posting(EntryType.MERCHANT_ADJUSTMENT, False, balance_minor, reason=FORFEITED_REASON)
