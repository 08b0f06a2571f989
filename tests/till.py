"""What tests ask a store about money that came in, and whether everything adds up."""

from sqlalchemy import bindparam
from sqlmodel import col, select

from saifu import wallets
from saifu.store import Store, Tx
from saifu.tables import Event, LedgerEntry, Payment
from tests.builders import a_wallet
from tests.cashier import Bank, a_source

_ENTRIES = (
    select(LedgerEntry)
    .where(col(LedgerEntry.customer_id) == bindparam("customer_id"))
    .order_by(col(LedgerEntry.sequence))
)
_EVENTS = select(Event).where(col(Event.order_key) == bindparam("order_key")).order_by(col(Event.sequence))
_PAYMENTS = select(Payment).order_by(col(Payment.created_at), col(Payment.id))
_OF_PAYMENT = select(LedgerEntry).where(col(LedgerEntry.reference_id) == bindparam("payment_id"))


async def a_payer(store: Store, balance: int = 0, currency: str = "USD", threshold: int | None = None) -> str:
    """A customer with a card at the bank, its default, and money in the wallet."""

    def make(tx: Tx) -> str:
        wallet = a_wallet(tx, balance, currency, threshold=threshold)
        a_source(tx, wallet.customer_id)
        return wallet.customer_id

    return await store.write(make)


async def balance(store: Store, customer_id: str, currency: str = "USD") -> int:
    key = (customer_id, currency)
    return (await store.read(lambda tx: wallets.views(tx, [key])))[key].balance_minor


async def entries(store: Store, customer_id: str) -> list[int]:
    """The amounts of a customer's ledger in its order; debits are negative."""
    found = await store.read(lambda tx: tx.all(_ENTRIES, customer_id=customer_id))
    return [each.amount_minor if each.is_credit else -each.amount_minor for each in found]


async def events_of(store: Store, order_key: str, prefix: str) -> list[str]:
    """The types of a customer's events, or of an object without one, in their order."""
    found = await store.read(lambda tx: tx.all(_EVENTS, order_key=order_key))
    return [each.type for each in found if each.type.startswith(prefix)]


async def payments(store: Store) -> list[Payment]:
    return await store.read(lambda tx: tx.all(_PAYMENTS))


async def is_whole(store: Store, bank: Bank, to_the_end: bool = True) -> None:
    """PM1, W51 and that nobody paid twice: what payments say is what ledgers and the bank say.

    Args:
        to_the_end: also that the bank has given back what it took too late, which takes a job's run.
    """
    for payment in await payments(store):
        found = await store.read(lambda tx: tx.all(_OF_PAYMENT, payment_id=payment.id))  # noqa: B023
        net = sum(-each.amount_minor if each.is_credit else each.amount_minor for each in found)
        if payment.status in ("failed", "cancelled"):
            assert net == 0, payment
            assert payment.wallet_minor == 0
        else:
            assert payment.wallet_minor + payment.source_minor == payment.total_minor
            paid = [each for each in found if each.entry_type in ("payment", "payment_reversal")]
            assert sum(each.amount_minor for each in paid) == payment.wallet_minor
        if payment.status == "succeeded" and payment.source_minor:
            assert bank.taken(payment.id) == payment.source_minor
        elif to_the_end and payment.status in ("failed", "cancelled") and payment.id in bank.orders:
            assert bank.taken(payment.id) == 0
