"""Payments at the engine: split, sent, settled (payments.md §1-3, wallets.md §4)."""

import pytest
from sqlmodel import select

from saifu import wallets
from saifu.store import Store
from saifu.tables import Event, LedgerEntry
from tests.builders import a_wallet
from tests.cashier import Cashier, a_source, declined

CASES = {
    "full cover": (15_00, 50_00, None, (15_00, 0), 35_00, "succeeded"),
    "partial": (29_00, 7_00, None, (7_00, 22_00), 0, "succeeded"),
    "partial, declined": (29_00, 7_00, "INSUFFICIENT_FUNDS", (0, 22_00), 7_00, "failed"),
    "small remainder": (10_00, 9_90, None, (9_50, 50), 40, "succeeded"),
    "remainder exactly M": (10_00, 9_50, None, (9_50, 50), 0, "succeeded"),
    "due below minimum, covered": (40, 45, None, (40, 0), 5, "succeeded"),
    "empty": (29_00, 0, None, (0, 29_00), 0, "succeeded"),
}
EVENTS = select(Event).order_by(Event.sequence)  # type: ignore[arg-type]
ENTRIES = select(LedgerEntry).order_by(LedgerEntry.sequence)  # type: ignore[arg-type]


@pytest.fixture
def desk(store: Store) -> Cashier:
    return Cashier(store)


async def balance(store: Store, customer_id: str, currency: str = "USD") -> int:
    key = (customer_id, currency)
    return (await store.read(lambda tx: wallets.views(tx, [key])))[key].balance_minor


async def a_payer(store: Store, balance: int = 0, currency: str = "USD") -> str:
    """A customer with a card at the bank, its default, and money in the wallet."""
    wallet = await store.write(lambda tx: a_wallet(tx, balance, currency))
    await store.write(lambda tx: a_source(tx, wallet.customer_id))
    return wallet.customer_id


@pytest.mark.parametrize("case", CASES)
async def test_the_worked_table_of_the_wallet_comes_out(store: Store, desk: Cashier, case: str) -> None:
    """wallets.md §4, W44-W48, PM1."""
    amount, before, code, parts, after, status = CASES[case]
    customer_id = await a_payer(store, before)
    if code is not None:
        desk.bank.next(declined(code))

    payment = await desk.charge(amount, customer_id=customer_id, use_wallet=True)

    assert payment.status == status
    assert (payment.wallet_minor, payment.source_minor) == parts
    assert payment.error_code == code
    assert await balance(store, customer_id) == after
    assert len(desk.bank.calls["charge"]) == (1 if parts[1] else 0)
    if status == "succeeded":
        assert payment.wallet_minor + payment.source_minor == payment.total_minor
    assert payment.payment_method == ("card" if parts[1] else "customer_balance")
