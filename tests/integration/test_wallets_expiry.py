"""Lots: which are drawn, when they go, how they come back (wallets.md §6)."""

from datetime import UTC, datetime, timedelta

import pytest

from saifu import customers, wallets
from saifu.ledger.entries import EntryType, Funding
from saifu.ledger.lots import Drawn, Fill, NextExpiry, refill
from saifu.refusals import ErrorCode, IdempotencyKeyReused, InsufficientFunds, Refusal
from saifu.store import SYSTEM
from saifu.wallet_lots import AT_HAND
from saifu.wallets import Posting
from tests.desk import a_desk, everything

END_OF_JANUARY = datetime(2026, 1, 31, tzinfo=UTC)
PROMOTIONAL = {"funding": Funding.PROMOTIONAL}


async def test_the_worked_draw_of_w70(store):
    """A promotional expiring, B paid, C promotional: a debit of 1 800 takes A 1 000, C 500, B 300 (W71)."""
    desk = await a_desk(store)
    await desk.credit(1_000, expires_at=END_OF_JANUARY, **PROMOTIONAL)
    await desk.credit(5_000)
    await desk.credit(500, **PROMOTIONAL)
    debit = await desk.debit(1_800)
    a, b, c = await desk.lots()
    assert await desk.moved(debit.entry) == {a.id: 1_000, b.id: 300, c.id: 500}
    assert [a.remaining_minor, b.remaining_minor, c.remaining_minor] == [0, 4_700, 0]
    assert (debit.wallet.balance_minor, debit.wallet.paid_minor, debit.wallet.promotional_minor) == (
        4_700,
        4_700,
        0,
    )


async def test_a_lot_is_gone_at_the_very_instant_it_expires(store, clock):
    """W74, W75 and the worked expiry: 600 at 23:59:59, nothing at 00:00:00, whether or not a job has run."""
    desk = await a_desk(store)
    await desk.credit(1_000, expires_at=END_OF_JANUARY)
    await desk.debit(400)
    clock.move_to(END_OF_JANUARY - timedelta(seconds=1))
    assert (await desk.view()).balance_minor == 600
    clock.move_to(END_OF_JANUARY - timedelta(microseconds=1))
    assert (await desk.view()).balance_minor == 600
    clock.move_to(END_OF_JANUARY)
    assert (await desk.view()).balance_minor == 0
    assert await desk.balance_at(END_OF_JANUARY) == 0
    before = await everything(store)
    with pytest.raises(InsufficientFunds) as refused:
        await desk.debit(1)
    assert refused.value.balance_minor == 0
    assert await everything(store) == before, "a refused debit leaves not even the sweep behind"
    (swept,) = await desk.sweep()
    assert (swept.entry_type, swept.amount_minor, swept.after_minor) == ("expiry", 600, 0)
    assert (await desk.view()).balance_minor == 0


async def test_a_write_sweeps_before_it_draws(store, clock):
    """W75, W76: the expiry stands before the debit, refers to its credit, and is the system's doing."""
    desk = await a_desk(store)
    brought = await desk.credit(1_000, expires_at=END_OF_JANUARY)
    await desk.credit(200)
    clock.move_to(END_OF_JANUARY + timedelta(minutes=5))
    debit = await desk.debit(200)
    _, _, expiry, last = await desk.entries()
    assert (expiry.entry_type, expiry.reason, expiry.contra_account) == ("expiry", "funds expired", "expired")
    assert (expiry.reference_type, expiry.reference_id) == ("ledger_entry", brought.entry.id)
    assert (expiry.expires_at, expiry.created_at) == (END_OF_JANUARY, clock.now())
    assert (expiry.actor_type, expiry.actor_id) == (SYSTEM.type, SYSTEM.id)
    assert (last.id, last.before_minor, last.after_minor) == (debit.entry.id, 200, 0)
    lots = await desk.lots()
    assert [wallets.status(lot, clock.now()) for lot in lots] == ["expired", "depleted"]
    kinds = [kind for kind, data in await desk.events() if data["id"] in {expiry.id, last.id}]
    assert kinds == ["wallet.balance_changed", "wallet.funds_expired", "wallet.balance_changed"]


async def test_sweeping_twice_writes_once(store, clock):
    """W76: unique per lot."""
    desk = await a_desk(store)
    await desk.credit(1_000, expires_at=END_OF_JANUARY)
    clock.move_to(END_OF_JANUARY)
    assert len(await desk.sweep()) == 1
    before = await everything(store)
    assert await desk.sweep() == []
    assert await everything(store) == before


async def test_an_empty_lot_expires_without_a_word(store, clock):
    """W76: skipped when nothing remains; the lot stays depleted."""
    desk = await a_desk(store)
    await desk.credit(1_000, expires_at=END_OF_JANUARY)
    await desk.debit(1_000)
    clock.move_to(END_OF_JANUARY)
    assert await desk.sweep() == []
    assert wallets.status((await desk.lots())[0], clock.now()) == "depleted"


async def test_lots_expire_in_the_order_of_their_ends(store, clock):
    desk = await a_desk(store)
    late = await desk.credit(20, expires_at=END_OF_JANUARY + timedelta(days=1))
    soon = await desk.credit(10, expires_at=END_OF_JANUARY)
    clock.move_to(END_OF_JANUARY + timedelta(days=2))
    swept = await desk.sweep()
    assert [entry.reference_id for entry in swept] == [soon.entry.id, late.entry.id]
    assert [entry.sequence for entry in swept] == [3, 4]
    assert (await desk.verdict()).intact


async def test_promotional_credits_last_as_long_as_is_configured(store, clock):
    """W73: a default for promotional money, none for paid, and what is said counts."""
    desk = (await a_desk(store)).ruled(promotional_expiry_days=30)
    said = clock.now() + timedelta(days=3)
    assert (await desk.credit(5, **PROMOTIONAL)).entry.expires_at == clock.now() + timedelta(days=30)
    assert (await desk.credit(5, expires_at=said, **PROMOTIONAL)).entry.expires_at == said
    assert (await desk.credit(5)).entry.expires_at is None
    without = await a_desk(store)
    assert (await without.credit(5, **PROMOTIONAL)).entry.expires_at is None


async def test_the_wallet_shows_what_expires_next(store, clock):
    """§1: the nearest instant, with all that goes then; of live money alone."""
    desk = await a_desk(store)
    assert (await desk.credit(9)).wallet.next_expiry is None
    await desk.credit(100, expires_at=END_OF_JANUARY + timedelta(days=1))
    await desk.credit(20, expires_at=END_OF_JANUARY)
    posted = await desk.credit(30, expires_at=END_OF_JANUARY, **PROMOTIONAL)
    assert posted.wallet.next_expiry == NextExpiry(50, END_OF_JANUARY) == (await desk.view()).next_expiry
    clock.move_to(END_OF_JANUARY)
    assert (await desk.view()).next_expiry == NextExpiry(100, END_OF_JANUARY + timedelta(days=1))


async def test_more_lots_than_are_at_hand_are_drawn_and_swept_all_the_same(store, clock):
    """The first lots are read first and the rest when needed: the answer never depends on it."""
    desk = await a_desk(store)
    for n in range(AT_HAND + 6):
        await desk.credit(10, expires_at=END_OF_JANUARY + timedelta(hours=n // 2))
    posted = await desk.credit(5)
    assert posted.wallet.next_expiry == NextExpiry(20, END_OF_JANUARY)
    debit = await desk.debit(10 * (AT_HAND + 2) + 5)
    assert len(await desk.moved(debit.entry)) == AT_HAND + 3
    assert debit.wallet.next_expiry == NextExpiry(
        5 + 10, END_OF_JANUARY + timedelta(hours=(AT_HAND + 2) // 2)
    )
    clock.move_to(END_OF_JANUARY + timedelta(days=30))
    assert (await desk.debit(5)).wallet.balance_minor == 0
    assert (await desk.verdict()).intact
    assert sum(entry.entry_type == "expiry" for entry in await desk.entries()) == 4


async def test_more_expired_lots_than_are_at_hand_are_all_gone_at_once(store, clock):
    desk = await a_desk(store)
    for _ in range(AT_HAND + 3):
        await desk.credit(10, expires_at=END_OF_JANUARY)
    await desk.credit(7)
    clock.move_to(END_OF_JANUARY)
    with pytest.raises(InsufficientFunds) as refused:
        await desk.debit(8)
    assert refused.value.balance_minor == 7
    assert (await desk.debit(7)).entry.sequence == 2 * (AT_HAND + 3) + 2


# Money that comes back


def a_payment(amount: int, payment_id: str = "pay_1") -> Posting:
    return Posting(EntryType.PAYMENT, False, amount, reference_id=payment_id)


def a_reversal(amount: int, *fills: Fill) -> Posting:
    return Posting(EntryType.PAYMENT_REVERSAL, True, amount, reference_id="pay_1", fills=fills)


async def test_a_reversal_returns_to_the_same_lots(store):
    """W48, W77."""
    desk = await a_desk(store)
    await desk.credit(300, **PROMOTIONAL)
    await desk.credit(1_000)
    payment = await desk.post(a_payment(700))
    moved = await desk.moved(payment)
    reversal = await desk.post(a_reversal(700, *[Fill(lot, amount) for lot, amount in moved.items()]))
    assert await desk.moved(reversal) == moved
    assert await desk.left() == [300, 1_000]
    assert (reversal.contra_account, reversal.reference_type, reversal.reference_id) == (
        "payments",
        "payment",
        "pay_1",
    )
    view = await desk.view()
    assert (view.paid_minor, view.promotional_minor) == (1_000, 300)
    assert (await desk.verdict()).intact


async def test_money_that_returns_to_an_expired_lot_gets_days_of_grace(store, clock):
    """W77: 7 days by default; the lot lives again, and expires again."""
    desk = await a_desk(store)
    await desk.credit(1_000, expires_at=END_OF_JANUARY)
    await desk.post(a_payment(600))
    clock.move_to(END_OF_JANUARY + timedelta(hours=1))
    await desk.sweep()
    (lot,) = await desk.lots()
    assert (lot.remaining_minor, lot.expired_at) == (0, clock.now())
    await desk.post(a_reversal(600, Fill(lot.id, 600)))
    (lot,) = await desk.lots()
    assert (lot.remaining_minor, lot.expires_at) == (600, clock.now() + timedelta(days=7))
    assert wallets.status(lot, clock.now()) == "active"
    assert (await desk.view()).balance_minor == 600
    clock.advance(timedelta(days=7))
    assert [entry.amount_minor for entry in await desk.sweep()] == [600]
    assert (await desk.verdict()).intact


async def test_without_grace_it_expires_again_at_once(store, clock):
    """W77: 0 days is how Stripe treats what a voided invoice returns."""
    desk = (await a_desk(store)).ruled(reversal_grace_days=0)
    await desk.credit(1_000, expires_at=END_OF_JANUARY)
    await desk.post(a_payment(1_000))
    clock.move_to(END_OF_JANUARY)
    (lot,) = await desk.lots()
    await desk.post(a_reversal(1_000, Fill(lot.id, 1_000)))
    *_, reversal, expiry = await desk.entries()
    assert (reversal.after_minor, expiry.entry_type, expiry.after_minor) == (1_000, "expiry", 0)
    (lot,) = await desk.lots()
    assert (lot.remaining_minor, wallets.status(lot, clock.now())) == (0, "expired")
    assert (await desk.verdict()).intact


async def test_a_live_lot_keeps_its_own_end_when_money_returns(store, clock):
    desk = await a_desk(store)
    await desk.credit(1_000, expires_at=END_OF_JANUARY)
    await desk.post(a_payment(1_000))
    (lot,) = await desk.lots()
    await desk.post(a_reversal(1_000, Fill(lot.id, 1_000)))
    assert (await desk.lots())[0].expires_at == END_OF_JANUARY


async def test_the_refunds_of_w58_to_w60(store):
    """Payment 10 000 = 3 000 paid (L1) + 1 000 promotional (L2) + 6 000 by card; each row of the worked table."""

    async def paid(payment_id):
        desk = await a_desk(store)
        await desk.credit(3_000)
        await desk.credit(1_000, **PROMOTIONAL)
        await desk.post(a_payment(4_000, payment_id))
        one, two = await desk.lots()
        return desk, Drawn(one.id, Funding.PAID, 3_000), Drawn(two.id, Funding.PROMOTIONAL, 1_000)

    def refund(amount, fills):
        return Posting(EntryType.REFUND, True, amount, reference_id="ref_1", fills=fills)

    desk, one, two = await paid("pay_1")
    await desk.post(refund(1_000, refill([two, one], 1_000)))  # 7 000 ORIGINAL: 6 000 to the card
    assert await desk.left() == [1_000, 0]
    await desk.post(refund(3_000, refill([two, Drawn(one.lot_id, Funding.PAID, 2_000)], 3_000)))
    assert await desk.left() == [3_000, 1_000]

    desk, one, two = await paid("pay_2")
    credit = await desk.post(refund(7_000, refill([two, one], 1_000)))  # 7 000 WALLET: a new paid lot besides
    assert await desk.left() == [1_000, 0, 6_000]
    lots = await desk.lots()
    assert (lots[2].funding, lots[2].expires_at, lots[2].origin_entry_id) == ("paid", None, credit.id)
    assert await desk.moved(credit) == {lots[0].id: 1_000, lots[2].id: 6_000}
    assert (await desk.view()).promotional_minor == 0
    assert (await desk.verdict()).intact


async def test_a_lot_never_gets_back_more_than_it_brought(store):
    """W59, W13: the engine refuses a caller that miscounts."""
    desk = await a_desk(store)
    await desk.credit(100)
    (lot,) = await desk.lots()
    before = await everything(store)
    with pytest.raises(ValueError, match="left of 100"):
        await desk.post(a_reversal(1, Fill(lot.id, 1)))
    assert await everything(store) == before


async def test_a_refund_is_taken_back_while_the_balance_covers_it(store):
    """W62."""
    desk = await a_desk(store)
    await desk.post(Posting(EntryType.REFUND, True, 500, reference_id="ref_1"))
    await desk.debit(100)
    void = Posting(EntryType.REFUND_REVERSAL, False, 400, reference_id="ref_1")
    assert (await desk.post(void)).after_minor == 0
    with pytest.raises(InsufficientFunds):
        await desk.post(Posting(EntryType.REFUND_REVERSAL, False, 1, reference_id="ref_1"))


async def test_a_dispute_claws_back_paid_money_first_and_gives_it_back(store):
    """W66, W67."""
    desk = await a_desk(store)
    await desk.credit(300, **PROMOTIONAL)
    await desk.credit(1_000)
    dispute = await desk.post(
        Posting(EntryType.DISPUTE, False, 1_100, reference_id="dsp_1", taking=wallets.PAID_FIRST)
    )
    assert await desk.left() == [200, 0]
    fills = tuple(Fill(lot, amount) for lot, amount in (await desk.moved(dispute)).items())
    won = await desk.post(Posting(EntryType.DISPUTE_REVERSAL, True, 1_100, reference_id="dsp_1", fills=fills))
    assert await desk.left() == [300, 1_000]
    assert (dispute.contra_account, won.contra_account) == ("disputes", "disputes")
    assert (await desk.verdict()).intact


async def test_a_refunded_top_up_takes_its_own_lot_then_other_paid_money_never_a_gift(store):
    """W63, W64."""
    desk = await a_desk(store)
    await desk.credit(500)
    await desk.credit(900, **PROMOTIONAL)
    top_up = await desk.post(Posting(EntryType.TOP_UP, True, 1_000, Funding.PAID, reference_id="pay_9"))
    (own,) = await desk.moved(top_up)
    await desk.debit(1_000)  # takes the gift first, and 100 of the old credit
    back = Posting(
        EntryType.TOP_UP_REVERSAL, False, 1_200, reference_id="ref_9", taking=wallets.from_top_up(own)
    )
    await desk.post(back)
    assert await desk.left() == [200, 0, 0]
    await desk.credit(900, **PROMOTIONAL)
    with pytest.raises(InsufficientFunds) as refused:
        await desk.post(
            Posting(
                EntryType.TOP_UP_REVERSAL, False, 201, reference_id="ref_9", taking=wallets.from_top_up(own)
            )
        )
    assert refused.value.balance_minor == 200, "promotional money does not count"


# Changing an expiry


async def an_update(store, lot_id, expires_at, key=None):
    return await store.write(lambda tx: wallets.update_lot_expiry(tx, lot_id, expires_at, key))


async def test_an_expiry_can_be_extended_removed_and_brought_forward(store, clock):
    """W78: an audit record, no ledger entry."""
    desk = await a_desk(store)
    await desk.credit(100, expires_at=END_OF_JANUARY)
    (lot,) = await desk.lots()
    tomorrow = clock.now() + timedelta(days=1)
    for wanted in (END_OF_JANUARY + timedelta(days=365), None, tomorrow):
        outcome = await an_update(store, lot.id, wanted)
        assert (outcome.value.expires_at, outcome.replayed) == (wanted, False)
    assert len(await desk.entries()) == 1
    records = (await everything(store))["audit_record"]
    assert [one["object_id"] for one in records if one["mutation"] == "lotUpdateExpiry"] == [lot.id] * 3
    clock.move_to(tomorrow)
    assert (await desk.view()).balance_minor == 0
    assert [entry.expires_at for entry in await desk.sweep()] == [tomorrow]
    assert (await desk.verdict()).intact


async def test_an_expiry_never_moves_into_the_past_and_the_expired_do_not_come_back(store, clock):
    """W78, W74: whether or not the lot was swept."""
    desk = await a_desk(store)
    await desk.credit(100, expires_at=END_OF_JANUARY)
    (lot,) = await desk.lots()
    for wrong in (clock.now(), clock.now() - timedelta(days=1)):
        with pytest.raises(Refusal) as refused:
            await an_update(store, lot.id, wrong)
        assert refused.value.path == ("input", "expiresAt")
    clock.move_to(END_OF_JANUARY)
    for swept in (False, True):
        if swept:
            await desk.sweep()
        with pytest.raises(Refusal) as refused:
            await an_update(store, lot.id, END_OF_JANUARY + timedelta(days=9))
        assert (refused.value.code, refused.value.path) == (
            ErrorCode.INVALID_REQUEST_PARAMETERS,
            ("input", "lotId"),
        )
    with pytest.raises(Refusal) as unknown:
        await an_update(store, "lot_nothing", None)
    assert (unknown.value.code, unknown.value.path) == (ErrorCode.NOT_FOUND, ("input", "lotId"))


async def test_an_update_of_an_expiry_happens_once_per_key(store):
    """A31."""
    desk = await a_desk(store)
    await desk.credit(100, expires_at=END_OF_JANUARY)
    (lot,) = await desk.lots()
    assert (await an_update(store, lot.id, None, "k")).replayed is False
    assert (await an_update(store, lot.id, None, "k")).replayed is True
    with pytest.raises(IdempotencyKeyReused) as reused:
        await an_update(store, lot.id, END_OF_JANUARY, "k")
    assert reused.value.mismatched_fields == ("expires_at",)


async def test_an_expiry_that_was_updated_is_told_again_when_the_customer_is_gone(store):
    """A31; a new request is GONE (CU57)."""
    desk = await a_desk(store)
    await desk.credit(100, expires_at=END_OF_JANUARY)
    (lot,) = await desk.lots()
    await an_update(store, lot.id, None, "k")
    await store.write(lambda tx: customers.delete(tx, desk.customer_id, True))
    assert (await an_update(store, lot.id, None, "k")).replayed is True
    with pytest.raises(Refusal) as gone:
        await an_update(store, lot.id, None, "another")
    assert gone.value.code is ErrorCode.GONE


# Notices


async def test_a_lot_that_expires_soon_is_announced_when_it_is_created(store, clock):
    """W79, with the event after that of its entry."""
    desk = await a_desk(store)
    soon = clock.now() + timedelta(days=7)
    await desk.credit(100, expires_at=soon)
    (lot,) = await desk.lots()
    assert [kind for kind, _ in await desk.events()] == ["wallet.balance_changed", "wallet.funds_expiring"]
    _, data = (await desk.events())[1]
    assert data == {
        "payload_type": "WalletFundsExpiring",
        "customer_id": desk.customer_id,
        "currency": "USD",
        "lot_id": lot.id,
        "funding": "paid",
        "amount": 100,
        "expires_at": "2026-01-22T09:30:00.000000Z",
        "balance": 100,
    }
    assert lot.notice_sent_at == clock.now()
    assert await desk.notices() == 0, "once per lot"


async def test_a_later_lot_is_announced_once_when_its_time_has_come(store, clock):
    """W79: seven days before, if something remains."""
    desk = await a_desk(store)
    await desk.credit(100, expires_at=END_OF_JANUARY)
    await desk.credit(60, expires_at=END_OF_JANUARY + timedelta(days=9))
    clock.move_to(END_OF_JANUARY - timedelta(days=7, microseconds=1))
    assert await desk.notices() == 0
    clock.move_to(END_OF_JANUARY - timedelta(days=7))
    await desk.debit(30)
    assert (await desk.notices(), await desk.notices()) == (1, 0)
    ((_, data),) = await desk.events("wallet.funds_expiring")
    assert (data["amount"], data["balance"]) == (70, 130)


async def test_what_is_spent_in_time_is_never_announced(store, clock):
    desk = await a_desk(store)
    await desk.credit(100, expires_at=END_OF_JANUARY)
    await desk.debit(100)
    clock.move_to(END_OF_JANUARY - timedelta(days=1))
    assert await desk.notices() == 0
