"""What refunds do to wallets: money comes in, goes back out for a top-up, or is taken back (W58-W64)."""

from collections.abc import Iterable
from datetime import datetime

from saifu import fields, wallets
from saifu.ledger import lots
from saifu.ledger.entries import EntryType
from saifu.ledger.lots import Draw, Drawn, Fill, LotState
from saifu.payments.drawn import drawn_lots
from saifu.posting import Posting, Rules, Taking, from_top_up
from saifu.store import Tx
from saifu.tables import Customer, Payment, Refund

from .movements import entry_of, outstanding


def credit(tx: Tx, customer: Customer, refund: Refund, payment: Payment, rules: Rules) -> None:
    """Book what of a refund the wallet gets.

    What the wallet had paid goes back into its lots, paid ones first (W59); with destination `WALLET` what the source
    had paid becomes a new paid lot without expiry (W60).
    """
    of_wallet_minor = refund.amount_minor - refund.of_source_minor
    posting = Posting(
        EntryType.REFUND,
        is_credit=True,
        amount_minor=refund.wallet_minor,
        reference_id=refund.id,
        reason=_reason(refund),
        fills=_fills(drawn_lots(tx, payment), of_wallet_minor),
    )
    wallets.post(tx, customer, refund.currency, posting, rules)


def _fills(drawn: list[Drawn], amount_minor: int) -> tuple[Fill, ...]:
    # Less is outstanding only where a refund was taken back out of other lots than it had gone into (W62).
    fillable_minor = min(amount_minor, sum(each.outstanding_minor for each in drawn))
    return lots.refill(drawn, fillable_minor) if fillable_minor else ()


def take_top_up(tx: Tx, customer: Customer, refund: Refund, payment: Payment, rules: Rules) -> None:
    """Take a refunded top-up out of the wallet before it is sent to the source (W64).

    It is judged for the low-balance alert only when the refund has succeeded, as payments are (W82).

    Raises:
        InsufficientFunds: the paid money in the wallet does not cover it.
    """
    posting = Posting(
        EntryType.TOP_UP_REVERSAL,
        is_credit=False,
        amount_minor=refund.amount_minor,
        reference_id=refund.id,
        reason=_reason(refund),
        taking=from_top_up(_lot_of_top_up(tx, payment)),
        settled=False,
    )
    wallets.post(tx, customer, refund.currency, posting, rules)


def judge_top_up(tx: Tx, customer: Customer, refund: Refund, rules: Rules) -> None:
    """The refund of a top-up has succeeded: now its debit may raise the alert (W82)."""
    debit = entry_of(tx, refund.id, EntryType.TOP_UP_REVERSAL)
    if debit is not None:
        wallets.judge_settled(tx, customer, debit, rules)


def return_top_up(tx: Tx, customer: Customer, refund: Refund, payment: Payment, rules: Rules) -> None:
    """The refund of a top-up has failed: the deposit is in the wallet again, in the lots it was taken from."""
    drawn = outstanding(tx, refund.id, [EntryType.TOP_UP_REVERSAL])
    if not drawn:
        return
    posting = Posting(
        EntryType.TOP_UP,
        is_credit=True,
        amount_minor=refund.amount_minor,
        reference_id=payment.id,
        reason="refund failed",
        fills=tuple(Fill(each.lot_id, each.outstanding_minor) for each in drawn),
    )
    wallets.post(tx, customer, refund.currency, posting, rules)


def take_back(tx: Tx, customer: Customer, refund: Refund, rules: Rules) -> None:
    """Take a refund out of the wallet again, from the lots it went into as far as they have it (W62).

    Raises:
        InsufficientFunds: the balance does not cover it.
    """
    moved = outstanding(tx, refund.id, [EntryType.REFUND])
    given = {each.lot_id: -each.outstanding_minor for each in moved}
    posting = Posting(
        EntryType.REFUND_REVERSAL,
        is_credit=False,
        amount_minor=refund.wallet_minor,
        reference_id=refund.id,
        taking=out_of(given),
    )
    wallets.post(tx, customer, refund.currency, posting, rules)


def out_of(given: dict[str, int]) -> Taking:
    """A debit that takes from each lot what it was given, and what is missing then in the usual order (W70)."""

    def draw(found: Iterable[LotState], amount_minor: int, now: datetime) -> tuple[Draw, ...]:
        return lots.draw_back(found, given, amount_minor, now)

    return Taking(draw, lambda money: money.total_minor)


def _reason(refund: Refund) -> str | None:
    """Why, as a ledger entry has room for it (W26)."""
    return None if refund.reason is None else refund.reason[: fields.MAX_REASON]


def _lot_of_top_up(tx: Tx, payment: Payment) -> str:
    """The lot that a top-up brought; no lot's id where none is known, and then any paid money will do."""
    filled = outstanding(tx, payment.id, [EntryType.TOP_UP])
    return filled[0].lot_id if filled else ""
