"""Outcomes that nobody knows, and what is done until somebody does (RELIABILITY §3.4, PM19, PM19c)."""

from datetime import timedelta

import pytest
import structlog

from saifu.clock import ManualClock
from saifu.payments import attempts
from saifu.payments.begin import begin
from saifu.payments.orders import PaymentOrder
from saifu.refusals import ErrorCode, Refusal, TransitionNotAllowed
from saifu.store import Store, Tx
from saifu.tables import Payment
from tests.cashier import ACTION, CANCELLED, PROCESSING, SUCCEEDED, Cashier, Lost, NeverArrived, declined
from tests.till import a_payer, balance, entries, events_of, is_whole, payments


@pytest.fixture
def desk(store: Store) -> Cashier:
    return Cashier(store)


async def one(store: Store) -> Payment:
    (payment,) = await payments(store)
    return payment


@pytest.mark.parametrize(
    ("lost", "seconds"), [(Lost, 31), (NeverArrived, 200)], ids=["answer lost", "never arrived"]
)
async def test_a_charge_without_an_answer_is_asked_for_and_never_made_twice(
    store: Store, desk: Cashier, clock: ManualClock, lost: type, seconds: int
) -> None:
    """W49, W51: the debit stands meanwhile, and the bank takes the money once."""
    customer_id = await a_payer(store, 5_00)
    desk.bank.next(lost)
    payment = await desk.charge(20_00, customer_id=customer_id, use_wallet=True)
    assert (payment.status, payment.outcome_unknown) == ("processing", True)
    assert await balance(store, customer_id) == 0
    for _ in range(seconds // 31):
        clock.advance(timedelta(seconds=31))
        await desk.run_jobs()
    assert (await one(store)).status == "succeeded"
    assert await events_of(store, customer_id, "payment") == ["payment.processing", "payment.succeeded"]
    assert await entries(store, customer_id) == [5_00, -5_00]
    await is_whole(store, desk.bank)


async def test_what_turns_out_to_be_declined_gives_the_wallet_its_part_back(
    store: Store, desk: Cashier, clock: ManualClock
) -> None:
    """W48, W51."""
    customer_id = await a_payer(store, 5_00)
    desk.bank.silent = True
    payment = await desk.charge(20_00, customer_id=customer_id, use_wallet=True)
    desk.bank.silent = False
    desk.bank.becomes(payment.id, declined("LOST_CARD"))
    clock.advance(timedelta(seconds=31))
    await desk.run_jobs()
    assert (await one(store)).error_code == "LOST_CARD"
    assert await entries(store, customer_id) == [5_00, -5_00, 5_00]


async def test_a_process_that_dies_before_it_sends_leaves_nothing_undone(
    store: Store, desk: Cashier, clock: ManualClock
) -> None:
    """§3.4: what was begun is found by the recovery job, and sent under its own key."""
    customer_id = await a_payer(store)
    order = PaymentOrder("USD", customer_id, 20_00, idempotency_key="died")
    begun = await store.write(lambda tx: begin(tx, order, desk.rules, "bank"))
    assert begun.to_send
    await desk.run_jobs()
    assert desk.bank.calls == {}, "somebody may still be at it"
    clock.advance(timedelta(seconds=61))
    await desk.run_jobs()
    assert (await one(store)).status == "succeeded"
    assert (await desk.pay(20_00, customer_id=customer_id, idempotency_key="died")).replayed


async def test_nothing_is_failed_by_guess_and_people_are_told_once(
    store: Store, desk: Cashier, clock: ManualClock
) -> None:
    """§3.4: an outcome that stays unknown for most of a day is for people; nothing is sent again then."""
    customer_id = await a_payer(store, 5_00)
    desk.bank.silent = True
    await desk.charge(20_00, customer_id=customer_id, use_wallet=True)
    with structlog.testing.capture_logs() as logs:
        for _ in range(30):
            clock.advance(timedelta(hours=1))
            await desk.run_jobs()
    payment = await one(store)
    assert (payment.status, payment.outcome_unknown) == ("processing", True)
    assert payment.needs_review_at is not None
    assert [each["event"] for each in logs if each["log_level"] == "error"] == ["payment_needs_review"]
    assert desk.bank.calls["charge"] == [payment.id]
    desk.bank.silent = False
    desk.bank.becomes(payment.id, SUCCEEDED)
    clock.advance(timedelta(hours=2))
    await desk.run_jobs()
    assert (await one(store)).status == "succeeded"
    assert (await one(store)).needs_review_at is None


async def test_an_asynchronous_payment_is_polled_and_after_15_business_days_shown_to_people(
    store: Store, desk: Cashier, clock: ManualClock
) -> None:
    """PM19c; the clock starts on a Thursday."""
    customer_id = await a_payer(store)
    desk.bank.next(PROCESSING)
    await desk.charge(20_00, customer_id=customer_id)
    clock.advance(timedelta(days=20))
    await desk.run_jobs()
    assert (await one(store)).needs_review_at is None
    clock.advance(timedelta(days=1, minutes=1))
    await desk.run_jobs()
    assert (await one(store)).needs_review_at is not None
    assert (await one(store)).status == "processing"


async def test_an_action_that_nobody_completes_is_given_up_after_ten_minutes(
    store: Store, desk: Cashier, clock: ManualClock
) -> None:
    """W49, PM18: cancelled at the bank, and the wallet has its part back."""
    customer_id = await a_payer(store, 5_00)
    desk.bank.next(ACTION)
    payment = await desk.charge(20_00, customer_id=customer_id, use_wallet=True, on_session=True)
    assert payment.expires_at is not None
    clock.advance(timedelta(minutes=10))
    await desk.run_jobs()
    assert (await one(store)).status == "cancelled"
    assert await entries(store, customer_id) == [5_00, -5_00, 5_00]
    await is_whole(store, desk.bank)


@pytest.mark.parametrize("ended", ["failed", "cancelled"])
async def test_a_late_approval_goes_back_at_the_bank_and_moves_nothing_here(
    store: Store, desk: Cashier, clock: ManualClock, ended: str
) -> None:
    """PM19."""
    customer_id = await a_payer(store, 5_00)
    desk.bank.next(ACTION if ended == "cancelled" else declined())
    payment = await desk.charge(20_00, customer_id=customer_id, use_wallet=True, on_session=True)
    if ended == "cancelled":
        await desk.flow.cancel(payment.id)
    before = await entries(store, customer_id)
    desk.bank.becomes(payment.id, SUCCEEDED)
    with structlog.testing.capture_logs() as logs:
        for _ in range(3):
            await desk.flow.look(payment.id)
            clock.advance(timedelta(seconds=31))
            await desk.run_jobs()
    assert (await one(store)).status == ended
    assert [each["event"] for each in logs if each["log_level"] == "error"] == ["late_approval"]
    assert len(desk.bank.refunds) == 1
    assert desk.bank.taken(payment.id) == 0
    assert await entries(store, customer_id) == before


async def test_giving_back_outlives_a_silent_bank(store: Store, desk: Cashier, clock: ManualClock) -> None:
    """PM19, §3.4."""
    customer_id = await a_payer(store)
    desk.bank.next(declined())
    payment = await desk.charge(20_00, customer_id=customer_id)
    desk.bank.becomes(payment.id, SUCCEEDED)
    await desk.flow.look(payment.id)
    desk.bank.silent = True
    await desk.run_jobs()
    desk.bank.silent = False
    for _ in range(4):
        clock.advance(timedelta(minutes=2))
        await desk.run_jobs()
    assert len(desk.bank.refunds) == 1
    found = await store.read(lambda tx: attempts.of_payment(tx, payment.id))
    assert [(each.kind, each.state) for each in found] == [("charge", "declined"), ("give_back", "succeeded")]


async def test_cancelling_gives_the_wallet_its_part_back(store: Store, desk: Cashier) -> None:
    """PM18, W48; a second time changes nothing."""
    customer_id = await a_payer(store, 5_00)
    desk.bank.next(ACTION)
    payment = await desk.charge(20_00, customer_id=customer_id, use_wallet=True, on_session=True)
    for _ in range(2):
        assert (await desk.flow.cancel(payment.id)).payment.status == "cancelled"
    assert await entries(store, customer_id) == [5_00, -5_00, 5_00]
    assert await events_of(store, customer_id, "payment") == [
        "payment.requires_customer_action",
        "payment.cancelled",
    ]


async def test_a_payment_that_was_completed_meanwhile_is_not_cancelled(store: Store, desk: Cashier) -> None:
    """PM18: the bank decides the race."""
    customer_id = await a_payer(store)
    desk.bank.next(ACTION)
    payment = await desk.charge(20_00, customer_id=customer_id, on_session=True)
    desk.bank.becomes(payment.id, SUCCEEDED)
    assert (await desk.flow.cancel(payment.id)).payment.status == "succeeded"


async def test_a_cancellation_without_an_answer_is_asked_again(
    store: Store, desk: Cashier, clock: ManualClock
) -> None:
    """§3.4: `OUTCOME_UNKNOWN`, and the recovery job finds out."""
    customer_id = await a_payer(store)
    desk.bank.next(ACTION)
    payment = await desk.charge(20_00, customer_id=customer_id, on_session=True)
    desk.bank.silent = True
    with pytest.raises(Refusal) as no:
        await desk.flow.cancel(payment.id)
    assert no.value.code is ErrorCode.OUTCOME_UNKNOWN
    desk.bank.silent = False
    clock.advance(timedelta(minutes=2))
    await desk.run_jobs()
    assert (await one(store)).status == "cancelled"


@pytest.mark.parametrize("answer", [SUCCEEDED, PROCESSING, declined()], ids=str)
async def test_what_is_paid_failed_or_on_its_way_cannot_be_cancelled(
    store: Store, desk: Cashier, answer: object
) -> None:
    """PM18, PM19: `TRANSITION_NOT_ALLOWED`."""
    customer_id = await a_payer(store)
    desk.bank.next(answer)  # type: ignore[arg-type]
    payment = await desk.charge(20_00, customer_id=customer_id)
    with pytest.raises(TransitionNotAllowed):
        await desk.flow.cancel(payment.id)


async def test_an_answer_is_applied_once_and_never_backwards(store: Store, desk: Cashier) -> None:
    """PM19: whatever is said afterwards."""
    customer_id = await a_payer(store, 5_00)
    payment = await desk.charge(20_00, customer_id=customer_id, use_wallet=True)
    before: tuple[int, list[str]] = (payment.version, await events_of(store, customer_id, "payment"))
    for answer in (PROCESSING, ACTION, CANCELLED, declined(), SUCCEEDED):
        desk.bank.becomes(payment.id, answer)
        await desk.flow.look(payment.id)
    after = await one(store)
    assert (after.version, await events_of(store, customer_id, "payment")) == before
    assert after.status == "succeeded"


async def test_the_database_lets_a_payment_debit_a_wallet_once(store: Store, desk: Cashier) -> None:
    """W51: `payment:{id}:debit` is unique whatever the code believes."""
    from saifu import locks, wallets
    from saifu.ledger.entries import EntryType
    from saifu.posting import Posting
    from tests.builders import RULES

    customer_id = await a_payer(store, 50_00)
    payment = await desk.charge(20_00, customer_id=customer_id, use_wallet=True)

    def again(tx: Tx) -> None:
        debit = Posting(EntryType.PAYMENT, False, 1_00, reference_id=payment.id)
        wallets.post(tx, locks.lock(tx, customer_id), "USD", debit, RULES)

    with pytest.raises(Exception, match=r"(?i)unique|again|busy"):
        await store.write(again)
    assert await entries(store, customer_id) == [50_00, -20_00]
