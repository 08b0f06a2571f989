"""Payments at the engine: split, sent, settled (payments.md §1-3, wallets.md §4)."""

from datetime import timedelta

import pytest

from saifu.clock import ManualClock
from saifu.ledger.entries import Funding
from saifu.payments.machine import PaymentStatus
from saifu.refusals import ErrorCode, Refusal
from saifu.sources import rows as source_rows
from saifu.store import Store, Tx
from tests.builders import a_customer, post
from tests.cashier import ACTION, PROCESSING, SUCCEEDED, Cashier, a_source, declined
from tests.till import a_payer, balance, entries, events_of, is_whole

CASES = {
    "full cover": (15_00, 50_00, None, (15_00, 0), 35_00, [-15_00]),
    "partial": (29_00, 7_00, None, (7_00, 22_00), 0, [-7_00]),
    "partial, declined": (29_00, 7_00, "INSUFFICIENT_FUNDS", (0, 22_00), 7_00, [-7_00, 7_00]),
    "small remainder": (10_00, 9_90, None, (9_50, 50), 40, [-9_50]),
    "remainder exactly M": (10_00, 9_50, None, (9_50, 50), 0, [-9_50]),
    "due below minimum, covered": (40, 45, None, (40, 0), 5, [-40]),
    "empty": (29_00, 0, None, (0, 29_00), 0, []),
}


@pytest.fixture
def desk(store: Store) -> Cashier:
    return Cashier(store)


@pytest.mark.parametrize("case", CASES)
async def test_the_worked_table_of_the_wallet_comes_out(store: Store, desk: Cashier, case: str) -> None:
    """wallets.md §4, W44-W48, PM1, PM8."""
    amount, before, code, parts, after, written = CASES[case]
    customer_id = await a_payer(store, before)
    if code is not None:
        desk.bank.next(declined(code))

    payment = await desk.charge(amount, customer_id=customer_id, use_wallet=True)

    assert payment.status == ("failed" if code else "succeeded")
    assert (payment.wallet_minor, payment.source_minor) == parts
    assert payment.error_code == code
    assert await balance(store, customer_id) == after
    assert (await entries(store, customer_id))[bool(before) :] == written
    assert len(desk.bank.calls["charge"]) == (1 if parts[1] else 0)
    assert payment.payment_method == ("card" if parts[1] else "customer_balance")
    await is_whole(store, desk.bank)


async def test_a_due_below_the_minimum_is_refused_and_debits_nothing(store: Store, desk: Cashier) -> None:
    """W45: `TOTAL_PAYMENT_AMOUNT_BELOW_MINIMUM_AMOUNT`."""
    customer_id = await a_payer(store, 10)
    with pytest.raises(Refusal) as no:
        await desk.charge(40, customer_id=customer_id, use_wallet=True)
    assert no.value.code is ErrorCode.TOTAL_PAYMENT_AMOUNT_BELOW_MINIMUM_AMOUNT
    assert await balance(store, customer_id) == 10
    assert desk.bank.calls == {}


async def test_without_a_source_nothing_is_debited(store: Store, desk: Cashier) -> None:
    """W46: `NO_ELIGIBLE_PAYMENT_METHODS` comes before the debit, and no payment is left behind."""
    customer = await store.write(a_customer)
    await store.write(lambda tx: post(tx, customer.id, 7_00))
    with pytest.raises(Refusal) as no:
        await desk.charge(29_00, customer_id=customer.id, use_wallet=True)
    assert no.value.code is ErrorCode.NO_ELIGIBLE_PAYMENT_METHODS
    assert await balance(store, customer.id) == 7_00
    assert await events_of(store, customer.id, "payment") == []


async def test_a_wallet_in_another_currency_is_not_touched(store: Store, desk: Cashier) -> None:
    """W43."""
    customer_id = await a_payer(store, 15_000_00, "INR")
    payment = await desk.charge(29_00, customer_id=customer_id, use_wallet=True)
    assert (payment.wallet_minor, payment.source_minor) == (0, 29_00)
    assert await balance(store, customer_id, "INR") == 15_000_00


async def test_a_direct_charge_leaves_the_wallet_alone_unless_told(store: Store, desk: Cashier) -> None:
    """W40."""
    customer_id = await a_payer(store, 50_00)
    payment = await desk.charge(10_00, customer_id=customer_id)
    assert (payment.wallet_minor, await balance(store, customer_id)) == (0, 50_00)


@pytest.mark.parametrize(
    ("answers", "status", "events"),
    [
        ([SUCCEEDED], "succeeded", ["payment.succeeded"]),
        ([declined()], "failed", ["payment.failed"]),
        ([PROCESSING, SUCCEEDED], "succeeded", ["payment.processing", "payment.succeeded"]),
        ([PROCESSING, declined()], "failed", ["payment.processing", "payment.failed"]),
        ([ACTION, SUCCEEDED], "succeeded", ["payment.requires_customer_action", "payment.succeeded"]),
        (
            [ACTION, PROCESSING, SUCCEEDED],
            "succeeded",
            ["payment.requires_customer_action", "payment.processing", "payment.succeeded"],
        ),
        ([ACTION, declined()], "failed", ["payment.requires_customer_action", "payment.failed"]),
    ],
    ids=str,
)
async def test_each_transition_is_announced_once(
    store: Store, desk: Cashier, answers: list[object], status: str, events: list[str]
) -> None:
    """PM12-PM17; the wallet's part is counted from the first to the last answer (W49)."""
    customer_id = await a_payer(store, 5_00)
    first, *later = answers
    desk.bank.next(first)  # type: ignore[arg-type]
    payment = await desk.charge(20_00, customer_id=customer_id, use_wallet=True, on_session=True)
    for answer in later:
        assert await balance(store, customer_id) == 0
        desk.bank.becomes(payment.id, answer)  # type: ignore[arg-type]
        await desk.flow.look(payment.id)
        payment = await desk.flow.look(payment.id)
    assert payment.status == status
    assert await events_of(store, customer_id, "payment") == events
    assert await balance(store, customer_id) == (0 if status == "succeeded" else 5_00)
    await is_whole(store, desk.bank)


async def test_off_session_a_customer_that_has_to_act_has_not_paid(store: Store, desk: Cashier) -> None:
    """PM19a; and the processor is told to forget it."""
    customer_id = await a_payer(store)
    desk.bank.next(ACTION)
    payment = await desk.charge(20_00, customer_id=customer_id)
    assert (payment.status, payment.error_code) == ("failed", "AUTHENTICATION_REQUIRED")
    await desk.run_jobs()
    assert desk.bank.calls["cancel"] == [payment.id]


async def test_a_token_is_charged_once_and_its_source_is_used_up(store: Store, desk: Cashier) -> None:
    """SR60c, SR7."""
    payment = await desk.charge(20_00, token="tok_visa")
    assert payment.status == "succeeded"
    assert payment.customer_id is None
    assert payment.source_id is not None
    source = await store.read(lambda tx: source_rows.get(tx, payment.source_id or ""))
    assert source is not None
    assert source.status == "consumed"


async def test_a_declined_source_can_be_charged_again(store: Store, desk: Cashier) -> None:
    """SR14."""
    source = await store.write(a_source)
    desk.bank.next(declined())
    assert (await desk.charge(20_00, source_id=source.id)).status == "failed"
    assert (await desk.charge(20_00, source_id=source.id)).status == "succeeded"


async def test_a_source_that_is_not_attached_is_charged_by_one_at_a_time(store: Store, desk: Cashier) -> None:
    """SR16: `SOURCE_STATE_CONFLICT`."""
    source = await store.write(a_source)
    desk.bank.silent = True
    await desk.charge(20_00, source_id=source.id)
    with pytest.raises(Refusal) as no:
        await desk.charge(20_00, source_id=source.id)
    assert no.value.code is ErrorCode.SOURCE_STATE_CONFLICT


async def test_money_comes_back_to_the_lots_it_came_from(
    store: Store, desk: Cashier, clock: ManualClock
) -> None:
    """W48, W77: a promotion that expired meanwhile comes back for a week."""
    customer_id = await a_payer(store)
    expires_at = clock.now() + timedelta(days=1)
    await store.write(lambda tx: _promotion(tx, customer_id, expires_at))
    desk.bank.next(PROCESSING)
    payment = await desk.charge(20_00, customer_id=customer_id, use_wallet=True)
    assert payment.wallet_minor == 5_00
    clock.advance(timedelta(days=2))
    desk.bank.becomes(payment.id, declined())
    await desk.flow.look(payment.id)
    assert await balance(store, customer_id) == 5_00
    clock.advance(timedelta(days=7))
    assert await balance(store, customer_id) == 0


def _promotion(tx: Tx, customer_id: str, expires_at: object) -> None:
    from saifu import wallets
    from tests.builders import RULES

    entry = wallets.ManualEntry(
        customer_id,
        "USD",
        "CREDIT",
        5_00,
        funding=Funding.PROMOTIONAL,
        expires_at=expires_at,  # type: ignore[arg-type]
    )
    wallets.post_manual(tx, entry, RULES)


async def test_a_low_balance_is_told_only_when_the_payment_succeeded(store: Store, desk: Cashier) -> None:
    """W82."""
    customer_id = await a_payer(store, 20_00, threshold=10_00)
    desk.bank.next(declined(), PROCESSING)
    await desk.charge(40_00, customer_id=customer_id, use_wallet=True)
    payment = await desk.charge(40_00, customer_id=customer_id, use_wallet=True)
    assert await events_of(store, customer_id, "wallet.balance_low") == []
    desk.bank.becomes(payment.id, SUCCEEDED)
    await desk.flow.look(payment.id)
    assert await events_of(store, customer_id, "wallet.balance_low") == ["wallet.balance_low"]


async def test_a_top_up_is_credited_when_it_is_paid(store: Store, desk: Cashier) -> None:
    """W63: paid money, once, and the wallet never pays for itself."""
    customer_id = await a_payer(store, 1_00)
    desk.bank.next(PROCESSING)
    payment = await desk.top_up(50_00, customer_id)
    assert (payment.purpose, payment.wallet_minor) == ("wallet_top_up", 0)
    assert await balance(store, customer_id) == 1_00
    desk.bank.becomes(payment.id, SUCCEEDED)
    for _ in range(2):
        await desk.flow.look(payment.id)
    assert await balance(store, customer_id) == 51_00
    assert await entries(store, customer_id) == [1_00, 50_00]


async def test_a_top_up_that_was_declined_credits_nothing(store: Store, desk: Cashier) -> None:
    customer_id = await a_payer(store)
    desk.bank.next(declined())
    assert (await desk.top_up(50_00, customer_id)).status == PaymentStatus.FAILED
    assert await balance(store, customer_id) == 0
