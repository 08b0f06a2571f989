"""Refunds on both engines: where the money goes, and what is refused (PM40-PM49, W56-W64)."""

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import bindparam
from sqlmodel import col, select

from saifu import customers, wallets
from saifu.clock import ManualClock
from saifu.ledger.entries import EntryType
from saifu.ledger.reports import Granularity
from saifu.paging import Order, Window
from saifu.payments import rows as payment_rows
from saifu.processors.contract import RefundState
from saifu.refunds import movements
from saifu.refunds.amounts import ItemOrder
from saifu.refunds.begin import NewRefund
from saifu.refunds.checks import refuse_payment
from saifu.refunds.flow import RefundFlow
from saifu.refunds.rows import Destination
from saifu.refusals import ErrorCode, IdempotencyKeyReused, InsufficientFunds, Refusal
from saifu.store import Origin, Store, Tx
from saifu.tables import Lot, Payment, Refund
from saifu.wallet_reports import Period, spend_report
from tests.builders import a_customer, post
from tests.footprint import footprint, grown
from tests.refunding import Fake, a_gift, a_payment, refund_flow, returned, run_jobs

BY = Origin()
_LOTS_OF = select(Lot).where(col(Lot.customer_id) == bindparam("customer_id"))
TO_WALLET = Destination.WALLET


@pytest.fixture
def fake() -> Fake:
    return Fake()


@pytest.fixture
def flow(store: Store, fake: Fake) -> RefundFlow:
    return refund_flow(store, fake)


async def refunded(flow: RefundFlow, payment: Payment, amount: int | None = None, **given: Any) -> Refund:
    return (await flow.create(NewRefund(payment.id, amount, **given), BY)).value


async def refusal(flow: RefundFlow, payment: Payment, amount: int | None = None, **given: Any) -> Refusal:
    with pytest.raises(Refusal) as no:
        await refunded(flow, payment, amount, **given)
    return no.value


async def now_is(store: Store, payment: Payment) -> tuple[int, int]:
    """What was refunded of a payment, and what is on its way."""
    row = await store.read(lambda tx: payment_rows.existing(tx, payment.id))
    return row.refunded_minor, row.refunding_minor


async def in_lots(store: Store, customer_id: str) -> list[tuple[str, int]]:
    """What each lot of the customer's USD wallet holds, the oldest first."""
    listed = await store.read(
        lambda tx: wallets.LOTS.pages(
            tx, [customer_id], Window(100), Order("CREATED_AT", descending=False), {"currency": "USD"}
        )[customer_id].rows
    )  # fmt: skip
    return [(lot.funding, lot.remaining_minor) for lot in listed]


def mixed(tx: Tx) -> Payment:
    """W58's example: 10 000 = wallet 4 000 (paid L1 3 000, promotional L2 1 000) + source 6 000."""
    customer = a_customer(tx)
    post(tx, customer.id, 3_000)
    a_gift(tx, customer.id, 1_000)
    return a_payment(tx, source=6_000, wallet=4_000, customer_id=customer.id)


async def test_a_refund_goes_back_in_reverse_order_of_use(store: Store, flow: RefundFlow, fake: Fake) -> None:
    """W58 and W59, the first two rows of the worked table."""
    payment = await store.write(mixed)
    owner = str(payment.customer_id)
    assert await in_lots(store, owner) == [("paid", 0), ("promotional", 0)]
    first = await refunded(flow, payment, 7_000)
    assert returned(first) == ("succeeded", 6_000, 1_000)
    assert await in_lots(store, owner) == [("paid", 1_000), ("promotional", 0)]
    assert await now_is(store, payment) == (7_000, 0)
    then = await refunded(flow, payment, 3_000)
    assert returned(then) == ("succeeded", 0, 3_000)
    assert await in_lots(store, owner) == [("paid", 3_000), ("promotional", 1_000)]
    assert await now_is(store, payment) == (10_000, 0)
    assert [order.amount_minor for order in fake.orders] == [6_000]
    assert (first.is_partial, then.is_partial) == (True, True)


async def test_a_refund_into_the_wallet_is_a_new_lot_for_what_the_source_had_paid(
    store: Store, flow: RefundFlow, fake: Fake
) -> None:
    """W57 and W60, the third row: 6 000 in a new paid lot, 1 000 into L1, nothing asked of the processor."""
    payment = await store.write(mixed)
    refund = await refunded(flow, payment, 7_000, destination=TO_WALLET)
    assert returned(refund) == ("succeeded", 0, 7_000)
    lots = await in_lots(store, str(payment.customer_id))
    assert sorted(lots) == [("paid", 1_000), ("paid", 6_000), ("promotional", 0)]
    new = await store.read(lambda tx: tx.all(_LOTS_OF, customer_id=payment.customer_id))
    assert {lot.expires_at for lot in new if lot.original_minor == 6_000} == {None}
    assert fake.orders == []


async def test_when_the_source_refuses_the_wallet_gets_nothing(
    store: Store, flow: RefundFlow, fake: Fake
) -> None:
    """W58, PM49a: a failed refund frees its amount."""
    payment = await store.write(mixed)
    fake.script = ["failed"]
    refund = await refunded(flow, payment, 7_000)
    assert returned(refund)[0] == "failed"
    assert refund.failure_reason == "no such account"
    assert await in_lots(store, str(payment.customer_id)) == [("paid", 0), ("promotional", 0)]
    assert await now_is(store, payment) == (0, 0)
    assert returned(await refunded(flow, payment)) == ("succeeded", 6_000, 4_000)


async def test_the_wallet_waits_for_the_source(store: Store, flow: RefundFlow, fake: Fake) -> None:
    """W58: a refund on its way to the bank has credited nothing yet, and counts (PM43, PM44)."""
    payment = await store.write(mixed)
    fake.script = ["pending"]
    refund = await refunded(flow, payment, 7_000)
    assert refund.status == "pending"
    assert await in_lots(store, str(payment.customer_id)) == [("paid", 0), ("promotional", 0)]
    assert await now_is(store, payment) == (0, 7_000)
    no = await refusal(flow, payment, 1)
    assert no.code is ErrorCode.EXISTING_REFUND_REQUEST_PROCESSING
    assert no.manner.retryable
    fake.refunds[refund.id] = fake.refunds[refund.id].__class__(RefundState.SUCCEEDED, "re_1")
    assert (await flow.look(refund.id)).status == "succeeded"
    assert await in_lots(store, str(payment.customer_id)) == [("paid", 1_000), ("promotional", 0)]
    assert await now_is(store, payment) == (7_000, 0)


async def test_lots_never_get_back_more_than_was_drawn_and_paid_ones_come_first(
    store: Store, flow: RefundFlow
) -> None:
    """W59, in three steps of a payment by wallet alone."""

    def by_wallet(tx: Tx) -> Payment:
        customer = a_customer(tx)
        a_gift(tx, customer.id, 100)
        post(tx, customer.id, 400)
        return a_payment(tx, source=0, wallet=300, customer_id=customer.id)

    payment = await store.write(by_wallet)
    owner = str(payment.customer_id)
    assert sorted(await in_lots(store, owner)) == [("paid", 200), ("promotional", 0)]
    await refunded(flow, payment, 150)
    assert sorted(await in_lots(store, owner)) == [("paid", 350), ("promotional", 0)]
    await refunded(flow, payment, 100)
    assert sorted(await in_lots(store, owner)) == [("paid", 400), ("promotional", 50)]
    await refunded(flow, payment, 50, destination=TO_WALLET)
    assert sorted(await in_lots(store, owner)) == [("paid", 400), ("promotional", 100)]


async def test_a_refund_of_lines_returns_their_tax(store: Store, flow: RefundFlow) -> None:
    """PM42, PM47."""
    lines = [
        {"id": "itm_1", "name": "A", "quantity": 1, "amount": 11_800, "tax": 1_800},
        {"id": "itm_2", "name": "B", "quantity": 2, "amount": 200, "tax": 0},
    ]
    payment = await store.write(lambda tx: a_payment(tx, 12_000, lines=lines, tax_minor=1_800))
    refund = await refunded(flow, payment, items=[ItemOrder("itm_1", 5_000, tax_inclusive=False)])
    assert (refund.amount_minor, refund.tax_minor) == (5_900, 900)
    no = await refusal(flow, payment, items=[ItemOrder("itm_1", 5_901)])
    assert no.code is ErrorCode.LINE_ITEM_REFUND_AMOUNT_TOO_HIGH
    rest = await refunded(flow, payment, items=[ItemOrder("itm_1"), ItemOrder("itm_2")])
    assert (rest.amount_minor, rest.tax_minor) == (6_100, 900)


@pytest.mark.parametrize(("given", "code"), [
    ({"amount": 6_001}, ErrorCode.REFUND_AMOUNT_EXCEEDS_PAID_AMOUNT),
    ({"amount": 0}, ErrorCode.INVALID_REQUEST_PARAMETERS),
    ({"amount": 10**12}, ErrorCode.INVALID_REQUEST_PARAMETERS),
    ({"amount": 1, "items": [ItemOrder("itm_all")]}, ErrorCode.INVALID_REQUEST_PARAMETERS),
    ({"items": [ItemOrder("itm_x")]}, ErrorCode.LINE_ITEM_NOT_FOUND),
    ({"items": [ItemOrder("itm_all", 10**12)]}, ErrorCode.INVALID_REQUEST_PARAMETERS),
    ({"currency": "EUR"}, ErrorCode.INVALID_REQUEST_PARAMETERS),  # PM45
    ({"reason": "x" * 3_001}, ErrorCode.INVALID_REQUEST_PARAMETERS),
    ({"metadata": {f"k{n}": "v" for n in range(51)}}, ErrorCode.MAXIMUM_KEYS_REACHED),
])  # fmt: skip
async def test_a_refused_refund_leaves_nothing_behind(
    store: Store, flow: RefundFlow, given: dict[str, Any], code: ErrorCode
) -> None:
    """PM42, PM43, PM45."""
    payment = await store.write(a_payment)
    before = await footprint(store)
    assert (await refusal(flow, payment, **given)).code is code
    assert grown(before, await footprint(store)) == {}
    assert await now_is(store, payment) == (0, 0)


async def test_what_was_refunded_in_full_is_refunded_once(store: Store, flow: RefundFlow) -> None:
    """PM43, PM48."""
    payment = await store.write(a_payment)
    assert not (await refunded(flow, payment)).is_partial
    assert (await refusal(flow, payment)).code is ErrorCode.PAYMENT_ALREADY_REFUNDED


async def test_a_line_that_was_refunded_in_full_says_so(store: Store, flow: RefundFlow) -> None:
    """PM43."""
    lines = [{"id": f"itm_{n}", "name": "x", "quantity": 1, "amount": 3_000, "tax": 0} for n in (1, 2)]
    payment = await store.write(lambda tx: a_payment(tx, lines=lines))
    await refunded(flow, payment, items=[ItemOrder("itm_1")])
    no = await refusal(flow, payment, items=[ItemOrder("itm_1", 1)])
    assert no.code is ErrorCode.LINE_ITEM_FULLY_REFUNDED


@pytest.mark.parametrize("status", ["failed", "cancelled", "processing", "requires_customer_action"])
async def test_only_what_was_paid_is_refunded(store: Store, flow: RefundFlow, status: str) -> None:
    """PM40."""
    payment = await store.write(lambda tx: a_payment(tx, status=status, succeeded_at=None))
    assert (await refusal(flow, payment)).code is ErrorCode.PAYMENT_NOT_SUCCEEDED


async def test_where_nothing_was_paid_there_is_nothing_to_refund(store: Store) -> None:
    """PM43. No such payment can be stored: the database wants more than 0."""
    payment = await store.write(a_payment)
    with pytest.raises(Refusal) as no:
        refuse_payment(Payment(**{**vars(payment), "total_minor": 0}), [])
    assert no.value.code is ErrorCode.ZERO_AMOUNT_PAYMENT_REFUND_NOT_ALLOWED


@pytest.mark.parametrize(
    "figures", [{"refunded_minor": 6_001}, {"refunding_minor": 6_001}, {"refunded_minor": -1}]
)
async def test_the_database_itself_refuses_more_than_was_paid(store: Store, figures: dict[str, int]) -> None:
    """PM43: a constraint is the last line."""
    payment = await store.write(a_payment)
    with pytest.raises(Exception, match="payment_refunds_within_total"):
        await store.write(lambda tx: payment_rows.save(tx, payment, figures))


async def test_a_long_reason_is_whole_on_the_refund_and_fits_into_the_ledger(
    store: Store, flow: RefundFlow
) -> None:
    """Refunds §5: 3 000 characters; W26: 500."""
    payment = await store.write(a_payment)
    refund = await refunded(flow, payment, destination=TO_WALLET, reason="x" * 3_000)
    assert refund.reason == "x" * 3_000
    found = await store.read(lambda tx: movements.entry_of(tx, refund.id, EntryType.REFUND))
    assert found is not None
    assert found.reason == "x" * 500


async def test_the_window_to_the_source_closes_to_the_second(
    store: Store, flow: RefundFlow, clock: ManualClock
) -> None:
    """PM41: at 30 days it is open, one second later it is not; the wallet has no window."""
    payment = await store.write(a_payment)
    clock.advance(timedelta(days=30))
    await refunded(flow, payment, 1)
    clock.advance(timedelta(seconds=1))
    assert (await refusal(flow, payment, 1)).code is ErrorCode.REFUND_WINDOW_EXPIRED
    assert (await refunded(flow, payment, 1, destination=TO_WALLET)).status == "succeeded"


async def test_what_was_paid_by_transfer_goes_back_as_a_whole(store: Store, flow: RefundFlow) -> None:
    """PM3, PM43: PARTIAL_REFUND_NOT_ALLOWED; into the wallet it may be a part."""
    payment = await store.write(lambda tx: a_payment(tx, payment_method="ach_credit_transfer"))
    assert (await refusal(flow, payment, 1)).code is ErrorCode.PARTIAL_REFUND_NOT_ALLOWED
    whole = await store.write(lambda tx: a_payment(tx, payment_method="ach_credit_transfer"))
    assert (await refunded(flow, whole)).status == "succeeded"
    assert (await refunded(flow, payment, 1, destination=TO_WALLET)).status == "succeeded"


async def test_a_wallet_refund_needs_a_wallet(store: Store, flow: RefundFlow) -> None:
    """W57: a customer, and an enabled currency."""
    anonymous = await store.write(lambda tx: a_payment(tx, anonymous=True))
    no = await refusal(flow, anonymous, destination=TO_WALLET)
    assert (no.code, no.path) == (ErrorCode.INVALID_REQUEST_PARAMETERS, ("input", "destination"))
    euros = await store.write(lambda tx: a_payment(tx, currency="EUR"))
    assert (await refusal(flow, euros, destination=TO_WALLET)).code is ErrorCode.UNSUPPORTED_CURRENCY
    assert (await refunded(flow, anonymous)).status == "succeeded"
    assert (await refunded(flow, euros)).status == "succeeded"


async def test_of_a_deleted_customer_only_the_source_gets_something_back(
    store: Store, flow: RefundFlow
) -> None:
    """CU57: a refund to the wallet falls back to the source, and what the wallet had paid is gone."""
    payment = await store.write(mixed)
    await store.write(lambda tx: customers.delete(tx, str(payment.customer_id), True))
    refund = await refunded(flow, payment, destination=TO_WALLET)
    assert (refund.destination, *returned(refund)) == ("ORIGINAL", "succeeded", 6_000, 0)
    assert (await refusal(flow, payment)).code is ErrorCode.GONE


async def test_a_repeated_key_is_the_same_refund(store: Store, flow: RefundFlow, fake: Fake) -> None:
    """PM20, PM21, A31: once, whatever became of it; another request is refused."""
    payment = await store.write(a_payment)
    new = NewRefund(payment.id, 1_000, idempotency_key="refund_1")
    first, again = await flow.create(new, BY), await flow.create(new, BY)
    assert (first.value.id, first.replayed, again.replayed) == (again.value.id, False, True)
    assert len(fake.orders) == 1
    with pytest.raises(IdempotencyKeyReused) as no:
        await flow.create(NewRefund(payment.id, 1_001, idempotency_key="refund_1"), BY)
    assert no.value.mismatched_fields == ("amount",)
    await refusal(flow, payment, 9_999, idempotency_key="refund_2")
    after = await refunded(flow, payment, 1, idempotency_key="refund_2")  # W35: a refusal burns no key
    assert after.status == "succeeded"


def topped_up(tx: Tx) -> Payment:
    customer = a_customer(tx)
    a_gift(tx, customer.id, 700)
    post(tx, customer.id, 200)
    return a_payment(tx, 5_000, customer_id=customer.id, purpose="wallet_top_up")


async def test_a_refunded_top_up_leaves_the_wallet_from_its_own_lot_first(
    store: Store, flow: RefundFlow
) -> None:
    """W64: then other paid lots, never promotional ones."""
    payment = await store.write(topped_up)
    owner = str(payment.customer_id)
    assert returned(await refunded(flow, payment, 1_000)) == ("succeeded", 1_000, 0)
    assert sorted(await in_lots(store, owner)) == [("paid", 200), ("paid", 4_000), ("promotional", 700)]
    await store.write(lambda tx: post(tx, owner, -1_000))  # promotional 700, then the oldest paid: 200, 100
    assert sorted(await in_lots(store, owner)) == [("paid", 0), ("paid", 3_900), ("promotional", 0)]
    with pytest.raises(InsufficientFunds) as no:
        await refunded(flow, payment)
    assert (no.value.code, no.value.balance_minor) == (ErrorCode.INSUFFICIENT_WALLET_FUNDS, 3_900)
    assert (await refusal(flow, payment, 1, destination=TO_WALLET)).path == ("input", "destination")
    assert returned(await refunded(flow, payment, 3_900))[0] == "succeeded"


async def test_a_top_up_that_the_source_refuses_is_in_the_wallet_again(
    store: Store, flow: RefundFlow, fake: Fake
) -> None:
    """W58, W64: in the lots it was taken from."""
    payment = await store.write(topped_up)
    owner = str(payment.customer_id)
    before = sorted(await in_lots(store, owner))
    fake.script = ["pending"]
    refund = await refunded(flow, payment)
    assert sorted(await in_lots(store, owner)) == [("paid", 0), ("paid", 200), ("promotional", 700)]
    fake.refunds[refund.id] = fake.refunds[refund.id].__class__(RefundState.FAILED, "re_1", "closed")
    assert (await flow.look(refund.id)).status == "failed"
    assert sorted(await in_lots(store, owner)) == before
    assert await now_is(store, payment) == (0, 0)
    assert returned(await refunded(flow, payment, 5_000))[0] == "succeeded"


async def test_a_deposit_that_comes_back_is_no_second_deposit(
    store: Store, flow: RefundFlow, fake: Fake, clock: ManualClock
) -> None:
    """W91, W92: a top-up whose refund failed was paid in once, and is not spent."""
    payment = await store.write(topped_up)
    owner, today = str(payment.customer_id), clock.now()
    period = Period(today, today + timedelta(hours=1), Granularity.DAY)
    [before] = await store.read(lambda tx: spend_report(tx, "USD", period, owner))
    fake.script = ["failed"]
    assert (await refunded(flow, payment)).status == "failed"
    [after] = await store.read(lambda tx: spend_report(tx, "USD", period, owner))
    assert (after.paid_in_minor, after.spend_minor) == (before.paid_in_minor, 0)
    assert after.closing_minor == before.closing_minor == after.credits_minor - after.debits_minor
    moved = {(each.entry_type, each.is_credit): each.amount_minor for each in after.by_event_type}
    assert moved[EntryType.TOP_UP, True] == 2 * moved[EntryType.TOP_UP_REVERSAL, False] == 10_000


async def test_a_wallet_refund_is_taken_back_while_the_wallet_has_it(store: Store, flow: RefundFlow) -> None:
    """W62: its amount can then be refunded anew; twice it is refused, and so is what went to a source."""
    payment = await store.write(mixed)
    owner = str(payment.customer_id)
    refund = await refunded(flow, payment, 7_000, destination=TO_WALLET)
    done = await flow.void(refund.id, "void_1", BY)
    assert done.value.voided_at is not None
    assert (await flow.void(refund.id, "void_1", BY)).replayed
    assert await now_is(store, payment) == (0, 0)
    assert {remaining for _, remaining in await in_lots(store, owner)} == {0}
    with pytest.raises(Refusal) as no:
        await flow.void(refund.id, "void_2", BY)
    assert no.value.code is ErrorCode.TRANSITION_NOT_ALLOWED
    again = await refunded(flow, payment, 10_000, destination=TO_WALLET)
    assert returned(again) == ("succeeded", 0, 10_000)
    await store.write(lambda tx: post(tx, owner, -1))
    with pytest.raises(InsufficientFunds):
        await flow.void(again.id, "void_3", BY)
    await store.write(lambda tx: post(tx, owner, 1))
    assert (await flow.void(again.id, "void_3", BY)).value.voided_at is not None
    assert returned(await refunded(flow, payment)) == ("succeeded", 6_000, 4_000)
    by_card = await store.write(a_payment)
    with pytest.raises(Refusal) as no:
        await flow.void((await refunded(flow, by_card)).id, "void_4", BY)
    assert no.value.code is ErrorCode.UNSUPPORTED_ACTION


async def test_the_ledger_balances_after_all_of_it(store: Store, flow: RefundFlow, fake: Fake) -> None:
    """Invariants 1 and 2, ruling 11."""
    for make in (mixed, topped_up, a_payment):
        payment: Payment = await store.write(make)
        fake.script = ["failed", "succeeded"]
        await refunded(flow, payment, 100)
        await refunded(flow, payment, 100)
        if payment.purpose != "wallet_top_up":
            wallet = await refunded(flow, payment, destination=TO_WALLET)
            await flow.void(wallet.id, f"void_{wallet.id}", BY)
    await run_jobs(store, flow)
    balances = await store.read(lambda tx: wallets.trial_balance(tx, None, ("USD", "INR")))
    assert all(balance.sum_minor == 0 and not balance.drifted for balance in balances)
