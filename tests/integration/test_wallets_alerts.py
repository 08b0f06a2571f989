"""The low-balance alert on real wallets (wallets.md §7)."""

from datetime import timedelta

from saifu import locks, wallets
from saifu.ledger.entries import EntryType
from saifu.ledger.lots import Fill
from saifu.wallets import Posting
from tests.desk import a_desk


async def lows(desk):
    return [
        (data["balance"], data["previous_balance"]) for _, data in await desk.events("wallet.balance_low")
    ]


async def test_the_worked_sequence_of_w81(store):
    """2 500 → −1 600 alert → −200 silent → +300 re-arms → −1 alert."""
    desk = await a_desk(store)
    await desk.threshold(1_000)
    await desk.credit(2_500)
    told = []
    for kind, amount in [("DEBIT", 1_600), ("DEBIT", 200), ("CREDIT", 300), ("DEBIT", 1)]:
        await desk.manual(kind, amount)
        told.append(await lows(desk))
    assert told == [[(900, 2_500)], [(900, 2_500)], [(900, 2_500)], [(900, 2_500), (999, 1_000)]]


async def test_the_alert_says_what_w84_asks_and_follows_the_change(store):
    """EV11: balance_changed, then balance_low."""
    desk = await a_desk(store)
    await desk.threshold(1_000)
    await desk.credit(2_500)
    posted = await desk.debit(1_600)
    *_, (changed, _), (kind, data) = await desk.events()
    assert (changed, kind) == ("wallet.balance_changed", "wallet.balance_low")
    assert data == {
        "payload_type": "WalletBalanceLow",
        "customer_id": desk.customer_id,
        "currency": "USD",
        "balance": 900,
        "previous_balance": 2_500,
        "threshold": 1_000,
        "ledger_entry_id": posted.entry.id,
        "upcoming_charge": None,
    }


async def test_low_means_strictly_below(store):
    """W80: 1 000 is not low at a threshold of 1 000, 999 is."""
    desk = await a_desk(store)
    await desk.threshold(1_000)
    await desk.credit(1_500)
    await desk.debit(500)
    assert await lows(desk) == []
    await desk.debit(1)
    assert await lows(desk) == [(999, 1_000)]


async def test_the_business_has_a_default_and_the_wallet_its_own(store):
    """W80."""
    desk = (await a_desk(store)).ruled(thresholds={"USD": 1_000})
    await desk.credit(1_500)
    await desk.debit(600)
    assert await lows(desk) == [(900, 1_500)]
    await desk.threshold(100)
    await desk.debit(700)
    assert len(await lows(desk)) == 1, "200 is not below the wallet's own 100"
    await desk.debit(101)
    assert (await lows(desk))[1:] == [(99, 200)]


async def test_setting_a_threshold_rearms_and_sends_nothing_by_itself(store):
    """W83."""
    desk = await a_desk(store)
    await desk.threshold(1_000)
    await desk.credit(900)
    assert await lows(desk) == [], "a credit never alerts (W81)"
    await desk.debit(100)
    await desk.threshold(700)
    await desk.threshold(2_000)
    assert len(await lows(desk)) == 1
    await desk.debit(1)
    assert await lows(desk) == [(800, 900), (799, 800)]


async def test_expiry_counts_as_a_debit(store, clock):
    """W82, EV11: changed, expired, low."""
    desk = await a_desk(store)
    await desk.threshold(1_000)
    await desk.credit(1_500, expires_at=clock.now() + timedelta(days=30))
    clock.advance(timedelta(days=30))
    await desk.sweep()
    assert await lows(desk) == [(0, 1_500)]
    kinds = [kind for kind, _ in await desk.events()]
    assert kinds[-3:] == ["wallet.balance_changed", "wallet.funds_expired", "wallet.balance_low"]


async def test_a_debit_that_is_reversed_never_alerted(store):
    """W82: it is judged when its payment succeeds, with the balance of that moment."""
    desk = await a_desk(store)
    await desk.threshold(1_000)
    await desk.credit(1_500)
    (lot,) = await desk.lots()
    pending = await desk.post(Posting(EntryType.PAYMENT, False, 1_400, reference_id="pay_1", settled=False))
    assert await lows(desk) == []
    await desk.post(
        Posting(EntryType.PAYMENT_REVERSAL, True, 1_400, reference_id="pay_1", fills=(Fill(lot.id, 1_400),))
    )
    assert await lows(desk) == []
    pending = await desk.post(Posting(EntryType.PAYMENT, False, 1_200, reference_id="pay_2", settled=False))

    def settle(tx):
        wallets.judge_settled(tx, locks.lock(tx, desk.customer_id), pending, desk.rules)

    for _ in range(2):
        await store.write(settle)
    assert await lows(desk) == [(300, 1_500)]
    ((_, data),) = await desk.events("wallet.balance_low")
    assert data["ledger_entry_id"] == pending.id


async def test_a_new_wallet_at_nought_is_silent(store):
    """W81."""
    desk = (await a_desk(store)).ruled(thresholds={"USD": 1_000})
    await desk.credit(10)
    assert await lows(desk) == []
