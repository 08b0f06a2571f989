"""Sources between two transactions: what the processor says, what changed meanwhile, and what happens by itself."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import bindparam
from sqlmodel import col, select

from saifu import customers
from saifu.clock import ManualClock
from saifu.customers import CustomerChange, Identifier, NewCustomer
from saifu.processors.contract import Attached, CustomerAt, OutcomeUnknown, SourceReport
from saifu.processors.registry import Processors
from saifu.processors.simulator import Simulator
from saifu.refusals import ErrorCode, Refusal, Unavailable
from saifu.sources import attaching, changing, rows, upkeep, velocity
from saifu.sources.asked import NewMandate, NewSource
from saifu.sources.customer_flow import CustomerFlow
from saifu.sources.flow import SourceFlow
from saifu.sources.given import Given
from saifu.sources.kinds import SourceType
from saifu.store import Origin, Store, Tx
from saifu.tables import Event, Payment, Source
from tests.builders import a_customer
from tests.cashier import a_source
from tests.integration.test_sources_charging import PAYMENT_RULES
from tests.simulated import a_card

EVENTS = select(Event).where(col(Event.order_key) == bindparam("id")).order_by(col(Event.sequence))
ORIGIN = Origin()
IDEAL = NewSource(SourceType.IDEAL, amount_minor=1099, currency="EUR", return_url="https://shop.example/back")


class Keeper(Simulator):
    """The simulator, which can be made to fall silent or to be slow, and remembers what it was to forget."""

    silent = False
    meanwhile: Any = None
    report: SourceReport | None = None

    def __init__(self, store: Store) -> None:
        super().__init__(store, public_url="http://sim.test")
        self.forgotten: list[str] = []

    async def attach(self, instrument_ref: str, customer: CustomerAt, reference: str) -> Attached:
        if self.silent:
            raise OutcomeUnknown
        answer = await super().attach(instrument_ref, customer, reference)
        if self.meanwhile is not None:
            await self.meanwhile()
        return answer

    async def detach(self, instrument_ref: str) -> None:
        self.forgotten.append(instrument_ref)
        if self.silent:
            raise OutcomeUnknown

    async def look_up_source(self, source_ref: str) -> SourceReport | None:
        return self.report or await super().look_up_source(source_ref)


@pytest.fixture
def keeper(store: Store) -> Keeper:
    return Keeper(store)


@pytest.fixture
def flow(store: Store, keeper: Keeper) -> SourceFlow:
    return SourceFlow(store, Processors({keeper.name: keeper}, keeper.name), PAYMENT_RULES)


async def a_buyer(store: Store) -> str:
    return (await store.write(a_customer)).id


async def attach(
    flow: SourceFlow, customer_id: str, source: str = "tok_visa", key: str | None = None
) -> Source:
    return (await flow.attach(customer_id, Given.of(source), key, ORIGIN)).value


async def held(store: Store, customer_id: str) -> list[str]:
    return [source.id for source in await store.read(lambda tx: rows.attached(tx, customer_id))]


async def now(store: Store, source_id: str) -> Source:
    found = await store.read(lambda tx: rows.get(tx, source_id))
    assert found is not None
    return found


async def test_a_token_is_used_up_and_runs_out(
    flow: SourceFlow, keeper: Keeper, store: Store, clock: ManualClock
) -> None:
    """SR23."""
    customer_id = await a_buyer(store)
    used, late = await keeper.tokenise(a_card()), await keeper.tokenise(a_card())
    await attach(flow, customer_id, used)
    with pytest.raises(Refusal) as caught:
        await attach(flow, customer_id, used)
    assert caught.value.code is ErrorCode.TOKEN_ALREADY_USED
    clock.advance(timedelta(minutes=60))
    with pytest.raises(Refusal) as caught:
        await attach(flow, customer_id, late)
    assert caught.value.code is ErrorCode.TOKEN_EXPIRED


async def test_cards_that_nobody_published_make_no_token(keeper: Keeper) -> None:
    """SR95: nobody leaves a real card in a test system."""
    with pytest.raises(Refusal) as caught:
        await keeper.tokenise(a_card("4242424242426742"))
    assert caught.value.code is ErrorCode.TEST_CARD_REQUIRED


async def test_ten_attachments_with_one_key_are_one(flow: SourceFlow, keeper: Keeper, store: Store) -> None:
    """A31: the token is taken once, also when the answer was lost and the request comes again."""
    customer_id = await a_buyer(store)
    token = await keeper.tokenise(a_card())
    asked = [flow.attach(customer_id, Given.of(token), "add my card", ORIGIN) for _ in range(10)]
    done = await asyncio.gather(*asked)
    assert len({outcome.value.id for outcome in done}) == 1
    assert sorted(outcome.replayed for outcome in done) == [False] + [True] * 9
    assert len(await held(store, customer_id)) == 1


async def test_without_an_answer_nothing_is_attached(flow: SourceFlow, keeper: Keeper, store: Store) -> None:
    """RELIABILITY §3.4: a refusal that may be tried again, with the same token under the same key."""
    customer_id, token = await a_buyer(store), await keeper.tokenise(a_card())
    keeper.silent = True
    with pytest.raises(Unavailable):
        await attach(flow, customer_id, token, "k")
    assert await held(store, customer_id) == []
    keeper.silent = False
    assert await held(store, customer_id) != [(await attach(flow, customer_id, token, "k")).id]
    assert len(await held(store, customer_id)) == 1


async def test_what_changes_while_the_processor_thinks_is_seen(
    flow: SourceFlow, keeper: Keeper, store: Store
) -> None:
    """CU62: the customer is blocked between the two transactions; the processor forgets the instrument again."""
    customer_id = await a_buyer(store)

    async def blocked() -> None:
        await store.write(lambda tx: customers.block(tx, Identifier(customer_id=customer_id), None, None))

    keeper.meanwhile = blocked
    with pytest.raises(Refusal) as caught:
        await attach(flow, customer_id)
    assert caught.value.code is ErrorCode.CUSTOMER_BLOCKED
    assert (await held(store, customer_id), len(keeper.forgotten)) == ([], 1)


async def test_whoever_goes_away_changes_nothing(flow: SourceFlow, keeper: Keeper, store: Store) -> None:
    """What has begun ends, so that no card is kept by the processor and unknown here."""
    customer_id = await a_buyer(store)
    asked = asyncio.ensure_future(attach(flow, customer_id))

    async def gone() -> None:
        asked.cancel()

    keeper.meanwhile = gone
    with pytest.raises(asyncio.CancelledError):
        await asked
    async with asyncio.timeout(5):
        while not await held(store, customer_id):
            await asyncio.sleep(0)


async def test_fifty_is_the_most(flow: SourceFlow, store: Store) -> None:
    """SR38."""
    customer_id = await a_buyer(store)

    def fill(tx: Tx) -> None:
        for _ in range(attaching.MOST_ATTACHED):
            a_source(tx, customer_id, is_default=False)
            rows.save(tx, rows.attached(tx, customer_id)[0], {"is_default": False})

    await store.write(fill)
    with pytest.raises(Refusal) as caught:
        await attach(flow, customer_id)
    assert caught.value.code is ErrorCode.TOO_MANY_SOURCES


async def test_checks_are_counted(flow: SourceFlow, store: Store) -> None:
    """SR98."""
    customer_id = await a_buyer(store)

    def tried(tx: Tx) -> None:
        for _ in range(velocity.MOST_TRIES - 1):
            velocity.count(tx, customer_id)

    await store.write(tried)
    await attach(flow, customer_id)
    with pytest.raises(Refusal) as caught:
        await attach(flow, customer_id, "tok_mastercard")
    assert caught.value.code is ErrorCode.TOO_MANY_REQUESTS


async def test_what_is_detached_is_forgotten_by_the_processor(
    flow: SourceFlow, keeper: Keeper, store: Store
) -> None:
    """SR71; a processor that does not answer does not stop it."""
    customer_id = await a_buyer(store)
    for silent in (False, True):
        source = await attach(flow, customer_id, "tok_amex")
        keeper.silent = silent
        await flow.detach(customer_id, source.id, None, ORIGIN)
        assert keeper.forgotten[-1] == source.processor_ref
        assert (await now(store, source.id)).status == "consumed"


async def test_an_expired_card_does_not_become_the_default(
    flow: SourceFlow, keeper: Keeper, store: Store, clock: ManualClock
) -> None:
    """§9's example, and SR72: a, b, c with c expired; detach a: b."""
    customer_id, made = await a_buyer(store), []
    for year in (2032, 2032, 2026):
        token = await keeper.tokenise(a_card(exp_year=year, exp_month=2))
        made.append((await attach(flow, customer_id, token)).id)
        clock.advance(timedelta(seconds=1))
    clock.move_to(datetime(2026, 3, 1, tzinfo=UTC))
    a, b, c = made
    await flow.detach(customer_id, a, None, ORIGIN)
    assert (await now(store, b)).is_default
    await flow.detach(customer_id, b, None, ORIGIN)
    assert not (await now(store, c)).is_default


async def test_time_ends_what_nobody_completes_or_charges(
    flow: SourceFlow, keeper: Keeper, store: Store, clock: ManualClock
) -> None:
    """SR5, SR11, SR17: one event each, however often the job runs, and none before the time."""
    waiting, ready = [(await flow.create(IDEAL, None, ORIGIN)).source for _ in range(2)]
    keeper.report = SourceReport("chargeable")
    assert ready.processor_ref is not None
    for _ in range(2):
        assert await flow.refresh("simulator", ready.processor_ref)
    assert (await now(store, ready.id)).status == "chargeable"
    for at, ended in ((timedelta(minutes=59), 0), (timedelta(minutes=1), 1), (timedelta(hours=5), 1)):
        clock.advance(at)
        assert (await upkeep.lapse(store)).done == ended
    assert (await upkeep.lapse(store)).done == 0
    kinds = [[event.type for event in await store.read(lambda tx, i=one.id: tx.all(EVENTS, id=i))]  # type: ignore[misc]
             for one in (waiting, ready)]  # fmt: skip
    assert kinds == [["source.canceled"], ["source.chargeable", "source.canceled"]]
    await flow.refresh("simulator", ready.processor_ref)
    assert (await now(store, ready.id)).status == "canceled", "late news change nothing"
    assert not await flow.refresh("simulator", "nobody's")


async def test_a_refused_redirect_fails(flow: SourceFlow, keeper: Keeper, store: Store) -> None:
    """SR4."""
    source = (await flow.create(IDEAL, None, ORIGIN)).source
    keeper.report = SourceReport("failed", failure_reason="user_abort")
    await flow.refresh("simulator", source.processor_ref or "")
    after = await now(store, source.id)
    redirect = rows.unpacked(after.redirect_json) or {}
    assert (after.status, redirect["status"], redirect["failure_reason"]) == (
        "failed",
        "failed",
        "user_abort",
    )


async def test_a_card_that_runs_out_is_told_of_once(
    flow: SourceFlow, keeper: Keeper, store: Store, clock: ManualClock
) -> None:
    """EV: on the first of its last month, while it is attached."""
    customer_id = await a_buyer(store)
    await attach(flow, customer_id, await keeper.tokenise(a_card(exp_year=2026, exp_month=3)))
    clock.move_to(datetime(2026, 2, 28, 23, 59, tzinfo=UTC))
    assert (await upkeep.give_notice(store)).done == 0
    clock.move_to(datetime(2026, 3, 1, tzinfo=UTC))
    assert [(await upkeep.give_notice(store)).done for _ in range(2)] == [1, 0]
    kinds = [event.type for event in await store.read(lambda tx: tx.all(EVENTS, id=customer_id))]
    assert kinds[-1] == "customer.source.expiring"


async def test_the_person_goes_from_the_sources_too(flow: SourceFlow, store: Store) -> None:
    """CU53, CU54: attached ones are detached, owners and evidence go, also out of events."""
    customer_flow = CustomerFlow(flow)
    made = await customer_flow.create(
        NewCustomer("h@example.com", "Hanako"), Given.of("tok_visa"), None, ORIGIN
    )
    customer_id = made.value.id
    agreed = NewMandate("accepted", "online", ip="203.0.113.77", user_agent="Hanakozilla")
    debit = NewSource(SourceType.SEPA_DEBIT, owner={"name": "Hanako Y."}, mandate=agreed,
                      metadata={"for": "Hanako"}, secrets={"iban": "DE89370400440532013000"})  # fmt: skip
    source = (await flow.create(debit, None, ORIGIN)).source
    await attach(flow, customer_id, source.id)
    await store.write(lambda tx: customers.delete(tx, customer_id, False))
    assert await held(store, customer_id) == []
    left = await now(store, source.id)
    events = await store.read(lambda tx: tx.all(select(Event)))
    everything = str([left.model_dump(), *[event.data_json for event in events]])
    assert not [word for word in ("Hanako", "203.0.113") if word in everything]
    assert left.status == "consumed"


async def test_a_customer_with_money_on_its_way_is_not_deleted(store: Store) -> None:
    """CU51."""
    customer_id = await a_buyer(store)

    def pay(tx: Tx) -> None:
        columns: dict[str, Any] = {
            "id": "pay_1", "customer_id": customer_id, "status": "processing", "purpose": "direct",
            "currency": "USD", "total_minor": 5, "tax_minor": 0, "wallet_minor": 0, "source_minor": 5,
            "pays_for": "pay_1", "retry_attempt": 0, "processor": "simulator", "outcome_unknown": False,
            "on_session": False, "uses_wallet": False, "lines_json": "[]", "metadata_json": "{}", "refunded_minor": 0,
            "refunding_minor": 0, "version": 1, "created_at": tx.now, "updated_at": tx.now,
        }  # fmt: skip
        tx.insert(Payment(**columns))

    await store.write(pay)
    with pytest.raises(Refusal) as caught:
        await store.write(lambda tx: customers.delete(tx, customer_id, False))
    assert caught.value.code is ErrorCode.CUSTOMER_NOT_DELETABLE
    assert caught.value.details["reasons"] == ("PAYMENT_UNDER_WAY",)


async def test_two_replacements_at_once_leave_one_default(flow: SourceFlow, store: Store) -> None:
    """SR40, SR50: one after the other, under the customer's lock."""
    customer_id = await a_buyer(store)
    customer_flow = CustomerFlow(flow)
    await asyncio.gather(
        *[
            customer_flow.update(customer_id, CustomerChange(), Given.of(token), None, ORIGIN)
            for token in ("tok_visa", "tok_mastercard", "tok_amex", "tok_discover")
        ]
    )
    (only,) = await held(store, customer_id)
    assert (await now(store, only)).is_default


async def test_a_source_that_is_gone_keeps_its_processor(flow: SourceFlow, store: Store) -> None:
    """A processor that is not configured any more is said, not guessed."""
    source = await store.write(a_source)
    customer_id = await a_buyer(store)
    with pytest.raises(Refusal) as caught:
        await attach(flow, customer_id, source.id)
    assert caught.value.code is ErrorCode.UNSUPPORTED_ACTION
    customer, found = await store.write(lambda tx: changing.guarded(tx, source.id))
    assert (customer, found.id) == (None, source.id)
