"""Customers are created with their wallets and changed, whole or not at all (CU1-CU27)."""

import asyncio
from datetime import timedelta
from typing import Any

import orjson
import pytest
from sqlalchemy import bindparam
from sqlmodel import col, select

from saifu import customers, idempotency
from saifu.clock import ManualClock
from saifu.customers import CustomerChange, NewCustomer
from saifu.idempotency import Outcome
from saifu.refusals import ErrorCode, IdempotencyKeyReused, Refusal, StaleVersion
from saifu.store import Actor, ActorType, Origin, Store, Tx
from saifu.tables import AuditRecord, Customer, Event, IdempotencyRecord, Wallet
from tests.builders import CURRENCIES, a_customer
from tests.footprint import footprint, grown

EVENTS = select(Event).where(col(Event.order_key) == bindparam("id")).order_by(col(Event.sequence))
WALLETS = select(Wallet).where(col(Wallet.customer_id) == bindparam("id")).order_by(col(Wallet.currency))
ORIGIN = Origin(Actor(ActorType.API_KEY, "key_1"), "req_1")
AIKO = NewCustomer(
    email=" Aiko@Example.com ",
    name="愛子 🎌",
    phone_number="+81 90-1234-5678",
    metadata={"plan": "gold", "seats": 3, "vip": True},
    preferred_locale="ja",
    billing_address={"country": "jp", "city": "京都"},
)


def created(tx: Tx, new: NewCustomer = AIKO, key: str | None = None) -> Outcome[Customer]:
    return customers.create(tx, new, CURRENCIES, key)


async def log_of(store: Store, customer_id: str) -> list[tuple[str, dict[str, Any]]]:
    events = await store.read(lambda tx: tx.all(EVENTS, id=customer_id))
    return [(event.type, orjson.loads(event.data_json)) for event in events]


async def refused(store: Store, work: Any) -> Refusal:
    """The refusal of a unit of work that leaves nothing behind."""
    before = await footprint(store)
    with pytest.raises(Refusal) as caught:
        await store.write(work)
    assert grown(before, await footprint(store)) == {}
    return caught.value


async def test_a_new_customer_has_a_wallet_at_zero_in_every_currency(
    store: Store, clock: ManualClock
) -> None:
    """CU1, CU2: no ledger entry is written and no wallet event is sent."""
    before = await footprint(store)
    customer = (await store.write(created, ORIGIN)).value
    wallets = await store.read(lambda tx: tx.all(WALLETS, id=customer.id))
    assert [(wallet.currency, wallet.balance_minor) for wallet in wallets] == [("INR", 0), ("USD", 0)]
    assert grown(before, await footprint(store)) == {
        "customer": 1, "wallet": 2, "event": 1, "audit_record": 1,
    }  # fmt: skip
    assert (customer.email, customer.name) == ("Aiko@Example.com", "愛子 🎌")
    assert (customer.phone_number, customer.version) == ("+819012345678", 1)
    assert customer.created_at == customer.updated_at == clock.now()


async def test_its_event_carries_the_whole_customer(store: Store) -> None:
    """CU10, EV2."""
    customer = (await store.write(created)).value
    assert await log_of(store, customer.id) == [
        (
            "customer.created",
            {
                "payload_type": "Customer",
                "customer_id": customer.id,
                "email": "Aiko@Example.com",
                "name": "愛子 🎌",
                "phone_number": "+819012345678",
                "metadata": {"plan": "gold", "seats": 3, "vip": True},
                "preferred_locale": "ja",
                "billing_address": {
                    "country": "JP", "city": "京都", "state": None, "street": None, "zipcode": None,
                },
                "default_source": None,
                "created_at": "2026-01-15T09:30:00.000000Z",
                "updated_at": "2026-01-15T09:30:00.000000Z",
                "blocked_at": None,
                "anonymised_at": None,
                "version": 1,
            },
        )
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("new", "code", "path"),
    [
        (NewCustomer("no address", "Aiko"), ErrorCode.INVALID_REQUEST_PARAMETERS, ("email",)),
        (NewCustomer("dev@localhost", "Aiko"), ErrorCode.INVALID_REQUEST_PARAMETERS, ("email",)),
        (NewCustomer("a@example.com", " \t"), ErrorCode.INVALID_REQUEST_PARAMETERS, ("name",)),
        (NewCustomer("a@example.com", "A\0"), ErrorCode.INVALID_REQUEST_PARAMETERS, ("name",)),
        (NewCustomer("a@example.com", "A", "abc"), ErrorCode.INVALID_REQUEST_PARAMETERS, ("phoneNumber",)),
        (
            NewCustomer("a@example.com", "A", metadata={"k": None}),
            ErrorCode.INVALID_REQUEST_PARAMETERS,
            ("metadata", "k"),
        ),
        (
            NewCustomer("a@example.com", "A", metadata={str(n): n for n in range(51)}),
            ErrorCode.MAXIMUM_KEYS_REACHED,
            ("metadata",),
        ),
        (
            NewCustomer("a@example.com", "A", preferred_locale="xx"),
            ErrorCode.INVALID_REQUEST_PARAMETERS,
            ("preferredLocale",),
        ),
        (
            NewCustomer("a@example.com", "A", billing_address={"city": "Pune"}),
            ErrorCode.INVALID_REQUEST_PARAMETERS,
            ("billingAddress", "country"),
        ),
    ],
)
async def test_a_customer_that_makes_no_sense_is_refused_whole(
    store: Store, new: NewCustomer, code: ErrorCode, path: tuple[str, ...]
) -> None:
    refusal = await refused(store, lambda tx: created(tx, new, "key"))
    assert (refusal.code, refusal.path) == (code, ("input", *path))


async def test_if_a_wallet_cannot_be_opened_there_is_no_customer_either(store: Store) -> None:
    """CU2: all or nothing, whatever fails."""
    before = await footprint(store)
    with pytest.raises(Exception, match=r"(?i)unique|busy"):
        await store.write(lambda tx: customers.create(tx, AIKO, ("USD", "USD")))
    assert grown(before, await footprint(store)) == {}


async def test_an_address_is_nobodys_alone(store: Store) -> None:
    """CU6."""
    first, second = [(await store.write(created)).value for _ in range(2)]
    assert first.id != second.id
    assert first.email == second.email


async def test_localhost_is_an_address_in_test_mode(store: Store) -> None:
    new = NewCustomer("dev@localhost", "Dev")
    done = await store.write(lambda tx: customers.create(tx, new, CURRENCIES, test_mode=True))
    assert done.value.email == "dev@localhost"


async def test_a_repeated_key_answers_with_the_first_customer(store: Store) -> None:
    """CU11, A31: also when the request is spelled with other blanks."""
    first = await store.write(lambda tx: created(tx, key="create-1"))
    before = await footprint(store)
    again = await store.write(
        lambda tx: created(tx, NewCustomer(**{**_parts(AIKO), "email": "Aiko@Example.com"}), "create-1")
    )
    assert (first.replayed, again.replayed) == (False, True)
    assert again.value.id == first.value.id
    assert grown(before, await footprint(store)) == {}


async def test_a_key_of_another_request_is_refused_and_says_what_differs(store: Store) -> None:
    await store.write(lambda tx: created(tx, key="create-1"))
    other = NewCustomer(**{**_parts(AIKO), "name": "Bo", "metadata": {"plan": "gold", "seats": 3, "vip": 1}})
    refusal = await refused(store, lambda tx: created(tx, other, "create-1"))
    assert isinstance(refusal, IdempotencyKeyReused)
    assert refusal.mismatched_fields == ("metadata", "name")


async def test_a_refused_request_does_not_burn_its_key(store: Store) -> None:
    """W35."""
    await refused(store, lambda tx: created(tx, NewCustomer("nobody", "Aiko"), "create-1"))
    assert not (await store.write(lambda tx: created(tx, key="create-1"))).replayed


@pytest.mark.parametrize("key", ["", "k" * 513, "a\0b", "a\ud800"])
async def test_a_key_that_no_database_could_hold_is_refused(store: Store, key: str) -> None:
    """W36."""
    refusal = await refused(store, lambda tx: created(tx, key=key))
    assert refusal.path == ("input", "idempotencyKey")


@pytest.mark.parametrize("key", ["$ 鍵 🎌", "k" * 512, " ", "é", "e\u0301"])
async def test_a_key_is_any_text_compared_byte_for_byte(store: Store, key: str) -> None:
    """W36."""
    await store.write(lambda tx: created(tx, key=key))
    assert await store.read(lambda tx: idempotency.find(tx, key)) is not None
    assert await store.read(lambda tx: idempotency.find(tx, key + " ")) is None
    assert await store.read(lambda tx: idempotency.find(tx, key, "cus_\0")) is None


async def test_twenty_writers_with_one_key_make_one_customer(store: Store) -> None:
    """A31, W37: the others wait and replay; nobody meets a unique constraint."""
    before = await footprint(store)
    done = await asyncio.gather(*(store.write(lambda tx: created(tx, key="once")) for _ in range(20)))
    assert len({outcome.value.id for outcome in done}) == 1
    assert sorted(outcome.replayed for outcome in done) == [False] + [True] * 19
    assert grown(before, await footprint(store)) == {
        "customer": 1, "wallet": 2, "event": 1, "audit_record": 1, "idempotency_record": 1,
    }  # fmt: skip


async def test_a_record_holds_neither_the_key_nor_what_was_asked_for(store: Store) -> None:
    """CU54: it outlives the person, so nothing in it is readable, and equal values do not look equal."""
    key = "signup aiko@example.com"
    await store.write(lambda tx: created(tx, NewCustomer("same@example.com", "same@example.com"), key))
    record = await store.read(lambda tx: tx.first(select(IdempotencyRecord)))
    assert record is not None
    assert "example" not in record.key + record.request_json
    digests = orjson.loads(record.request_json)
    assert digests["email"] != digests["name"]


async def test_an_update_changes_what_was_sent_and_says_what_it_was(store: Store, clock: ManualClock) -> None:
    """CU20, CU26, A10."""
    customer = (await store.write(created)).value
    clock.advance(timedelta(hours=1))
    change = CustomerChange(name="Aiko", phone_number=None, expected_version=1)
    after = (await store.write(lambda tx: customers.update(tx, customer.id, change))).value
    assert (after.name, after.phone_number, after.email) == ("Aiko", None, "Aiko@Example.com")
    assert (after.version, after.updated_at, after.created_at) == (2, clock.now(), customer.created_at)
    kind, data = (await log_of(store, customer.id))[-1]
    assert kind == "customer.updated"
    assert data["previous_attributes"] == {"name": "愛子 🎌", "phone_number": "+819012345678"}
    assert (data["name"], data["version"], data["email"]) == ("Aiko", 2, "Aiko@Example.com")


@pytest.mark.parametrize(
    ("change", "previous"),
    [
        (CustomerChange(metadata={}), {"metadata": {"plan": "gold", "seats": 3, "vip": True}}),
        (CustomerChange(metadata=None), {"metadata": {"plan": "gold", "seats": 3, "vip": True}}),
        (
            CustomerChange(metadata={"plan": "gold", "seats": 3, "vip": 1}),  # 1 is not true
            {"metadata": {"plan": "gold", "seats": 3, "vip": True}},
        ),
        (CustomerChange(preferred_locale=None), {"preferred_locale": "ja"}),
        (CustomerChange(email="aiko@example.com"), {"email": "Aiko@Example.com"}),
        (
            CustomerChange(billing_address=None),
            {
                "billing_address": {
                    "country": "JP", "city": "京都", "state": None, "street": None, "zipcode": None,
                }
            },
        ),
    ],
)  # fmt: skip
async def test_what_may_be_absent_can_be_cleared_and_metadata_is_replaced_whole(
    store: Store, change: CustomerChange, previous: dict[str, Any]
) -> None:
    """CU21, CU22, CU23."""
    customer = (await store.write(created)).value
    await store.write(lambda tx: customers.update(tx, customer.id, change))
    assert (await log_of(store, customer.id))[-1][1]["previous_attributes"] == previous


@pytest.mark.parametrize(
    "change",
    [
        CustomerChange(),
        CustomerChange(email="Aiko@Example.com", name=" 愛子 🎌 ", phone_number="+819012345678"),
        CustomerChange(metadata={"vip": True, "seats": 3, "plan": "gold"}),
        CustomerChange(billing_address={"city": "京都", "country": "JP", "street": ""}),
    ],
)
async def test_an_update_that_changes_nothing_leaves_no_trace(store: Store, change: CustomerChange) -> None:
    """CU26, EV8."""
    customer = (await store.write(created)).value
    before = await footprint(store)
    after = (await store.write(lambda tx: customers.update(tx, customer.id, change))).value
    assert (after.version, grown(before, await footprint(store))) == (1, {})


@pytest.mark.parametrize("field", ["email", "name"])
async def test_a_customer_is_never_without_address_or_name(store: Store, field: str) -> None:
    """CU21."""
    customer = (await store.write(created)).value
    change = CustomerChange(**{field: None})
    refusal = await refused(store, lambda tx: customers.update(tx, customer.id, change))
    assert (refusal.code, refusal.path) == (ErrorCode.INVALID_REQUEST_PARAMETERS, ("input", field))


async def test_an_update_of_an_older_version_is_refused_with_the_current_one(store: Store) -> None:
    """A10."""
    customer = (await store.write(created)).value
    await store.write(lambda tx: customers.update(tx, customer.id, CustomerChange(name="A")))
    refusal = await refused(
        store, lambda tx: customers.update(tx, customer.id, CustomerChange(name="B", expected_version=1))
    )
    assert isinstance(refusal, StaleVersion)
    assert refusal.current_version == 2


@pytest.mark.parametrize("customer_id", ["cus_unknown", "", "a\0b", "\ud800", "cus_" + "x" * 10_000])
async def test_an_update_of_nobody_is_refused(store: Store, customer_id: str) -> None:
    refusal = await refused(store, lambda tx: customers.update(tx, customer_id, CustomerChange(name="A")))
    assert (refusal.code, refusal.path) == (ErrorCode.NOT_FOUND, ("input", "customerId"))


async def test_of_two_updates_at_once_with_one_key_the_second_replays(store: Store) -> None:
    """A31: it waits for the first instead of finding the version stale."""
    customer = (await store.write(created)).value
    change = CustomerChange(name="Bo", expected_version=1)
    done = await asyncio.gather(
        *(store.write(lambda tx: customers.update(tx, customer.id, change, "rename")) for _ in range(10))
    )
    assert sorted(outcome.replayed for outcome in done) == [False] + [True] * 9
    assert {outcome.value.version for outcome in done} == {2}


async def test_clearing_a_field_and_leaving_it_out_are_two_requests(store: Store) -> None:
    """W32."""
    customer = (await store.write(created)).value
    await store.write(lambda tx: customers.update(tx, customer.id, CustomerChange(name="Bo"), "k"))
    both = CustomerChange(name="Bo", phone_number=None)
    refusal = await refused(store, lambda tx: customers.update(tx, customer.id, both, "k"))
    assert isinstance(refusal, IdempotencyKeyReused)
    assert refusal.mismatched_fields == ("phone_number",)


async def test_a_clock_that_jumps_back_does_not_make_a_customer_older(
    store: Store, clock: ManualClock
) -> None:
    customer = (await store.write(created)).value
    clock.advance(timedelta(days=-1))
    after = (await store.write(lambda tx: customers.update(tx, customer.id, CustomerChange(name="B")))).value
    assert after.updated_at == customer.created_at


async def test_every_change_has_one_line_in_the_audit_log_and_nothing_personal_in_it(store: Store) -> None:
    """A43, S20: who, what, and the names of the fields."""
    customer = (await store.write(created, ORIGIN)).value
    change = CustomerChange(name="Bo", email="bo@example.com")
    await store.write(lambda tx: customers.update(tx, customer.id, change), ORIGIN)
    rows = await store.read(lambda tx: tx.all(select(AuditRecord).order_by(col(AuditRecord.id))))
    assert [(row.mutation, row.object_id, row.actor_type, row.actor_id, row.request_id) for row in rows] == [
        ("customerCreate", customer.id, "api_key", "key_1", "req_1"),
        ("customerUpdate", customer.id, "api_key", "key_1", "req_1"),
    ]
    assert orjson.loads(rows[1].detail_json) == {"fields": ["email", "name"]}
    assert all("example" not in row.detail_json for row in rows)


async def test_customers_are_read_by_id_in_one_statement(store: Store) -> None:
    made = [(await store.write(a_customer)).id for _ in range(10)]

    def found(tx: Tx, ids: list[str]) -> tuple[list[str], int]:
        rows = customers.by_ids(tx, ids)
        return [row.id for row in rows], tx.statements

    wanted = [made[3], "cus_unknown", "a\0b", "\ud800", made[1]]
    assert await store.read(lambda tx: found(tx, wanted)) == ([made[3], made[1]], 1)
    assert await store.read(lambda tx: found(tx, made[::-1])) == (made[::-1], 1)
    assert await store.read(lambda tx: customers.get(tx, "a\0b")) is None


async def test_the_number_of_statements_does_not_depend_on_what_is_there(store: Store) -> None:
    """PERFORMANCE: a change costs the same for the hundredth customer, and in ten currencies as in two."""

    def cost(work: Any) -> Any:
        def counted(tx: Tx) -> int:
            work(tx)
            tx.flush()
            return tx.statements

        return store.write(counted)

    many = ("USD", "INR", "EUR", "JPY", "GBP", "KWD", "CHF", "AUD", "CAD", "NZD")
    first = await cost(created)
    for _ in range(30):
        customer = (await store.write(created)).value
    assert await cost(lambda tx: customers.create(tx, AIKO, many)) == first
    rename = CustomerChange(name="B")
    before = await cost(lambda tx: customers.update(tx, customer.id, rename))
    for number in range(30):
        change = CustomerChange(name=f"C{number}")
        await store.write(lambda tx, change=change: customers.update(tx, customer.id, change))  # type: ignore[misc]
    assert await cost(lambda tx: customers.update(tx, customer.id, rename)) == before


def _parts(new: NewCustomer) -> dict[str, Any]:
    return {name: getattr(new, name) for name in NewCustomer.__dataclass_fields__}
