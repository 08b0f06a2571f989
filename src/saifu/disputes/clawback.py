"""What a dispute takes from a wallet, and gives back (W66, W67). The arithmetic is pure, and comes first."""

from collections.abc import Iterable
from dataclasses import dataclass

from saifu import wallets
from saifu.ledger.entries import EntryType
from saifu.ledger.lots import Fill
from saifu.posting import PAID_FIRST, Posting, Rules
from saifu.refunds import rows as refund_rows
from saifu.refunds.movements import outstanding
from saifu.refunds.rows import Destination, RefundStatus
from saifu.store import Tx
from saifu.tables import Customer, Dispute, Payment, Refund


@dataclass(frozen=True, slots=True)
class Clawback:
    """What a wallet bears of a dispute, and what it could not; minor units."""

    taken_minor: int = 0
    shortfall_minor: int = 0


def affected(amount_minor: int, in_wallet_minor: int, borne_minor: int) -> int:
    """How much of a disputed amount concerns the wallet (W66).

    Args:
        in_wallet_minor: what of the source's money came into the wallet and was not sent back.
        borne_minor: what other disputes of the payment have claimed of it already.
    """
    return max(0, min(amount_minor, in_wallet_minor - borne_minor))


def capped(affected_minor: int, balance_minor: int) -> Clawback:
    """The balance never goes negative: what it does not cover is the shortfall (W13, W66)."""
    taken_minor = min(affected_minor, balance_minor)
    return Clawback(taken_minor, affected_minor - taken_minor)


def in_wallet(payment: Payment, refunds: Iterable[Refund]) -> int:
    """What of the source's money came into the wallet: a top-up (a), or refunds into it (b); minor units (W66)."""
    given = refund_rows.counting(refunds)
    if payment.purpose == "wallet_top_up":
        # A refund under way has left the wallet already (W64).
        return payment.source_minor - sum(each.source_minor for each in given)
    done = [each for each in given if each.status == RefundStatus.SUCCEEDED]
    return sum(each.of_source_minor for each in done if each.destination == Destination.WALLET)


def take(tx: Tx, customer: Customer | None, dispute: Dispute, affected_minor: int, rules: Rules) -> Clawback:
    """Debit the wallet for a dispute, paid lots first, as far as it reaches (W66)."""
    if customer is None or not affected_minor:
        return Clawback(0, affected_minor)
    key = customer.id, dispute.currency
    clawback = capped(affected_minor, wallets.views(tx, [key])[key].balance_minor)
    if clawback.taken_minor:
        posting = Posting(
            EntryType.DISPUTE,
            is_credit=False,
            amount_minor=clawback.taken_minor,
            reference_id=dispute.id,
            taking=PAID_FIRST,
        )
        wallets.post(tx, customer, dispute.currency, posting, rules)
    return clawback


def give_back(tx: Tx, customer: Customer, dispute: Dispute, rules: Rules) -> None:
    """Return what the wallet bore, into the lots it came from (W67)."""
    kinds = [EntryType.DISPUTE, EntryType.DISPUTE_REVERSAL]
    drawn = outstanding(tx, dispute.id, kinds)
    fills = tuple(Fill(each.lot_id, each.outstanding_minor) for each in drawn if each.outstanding_minor)
    posting = Posting(
        EntryType.DISPUTE_REVERSAL,
        is_credit=True,
        amount_minor=dispute.wallet_minor,
        reference_id=dispute.id,
        fills=fills,
    )
    wallets.post(tx, customer, dispute.currency, posting, rules)
