"""Deleting a customer takes the person and leaves the money (CU50-CU57)."""

import asyncio
from datetime import timedelta
from typing import Any

import orjson
import pytest
from sqlalchemy import bindparam
from sqlmodel import SQLModel, col, select

from saifu import customers, erasure, sessions, wallets
from saifu.clock import ManualClock
from saifu.customers import CustomerChange, Identifier, NewCustomer
from saifu.events import EventType
from saifu.refusals import ErrorCode, Refusal
from saifu.store import Store, Tx
from saifu.tables import Customer, CustomerBlock, Event, LedgerEntry
from tests.builders import CURRENCIES, RULES, a_customer, a_session, post
from tests.footprint import footprint, grown

SECRETS = ("Hanako", "hanako", "山田", "+81901", "Kyoto", "gold", "nice to", "chargeback")
EVENTS = select(Event).where(col(Event.order_key) == bindparam("id")).order_by(col(Event.sequence))


def hanako(tx: Tx, key: str | None = None) -> str:
    new = NewCustomer(
        "hanako@example.com",
        "山田 Hanako",
        "+81901234567",
        {"tier": "gold"},
        "ja",
        {"country": "JP", "city": "Kyoto"},
    )
    return customers.create(tx, new, CURRENCIES, key).value.id


def gone(tx: Tx, customer_id: str, key: str | None = None) -> Customer:
    return customers.delete(tx, customer_id, False, key).value


async def events_of(store: Store, customer_id: str) -> list[Event]:
    return await store.read(lambda tx: tx.all(EVENTS, id=customer_id))


async def test_the_person_is_replaced_by_a_stub(store: Store) -> None:
    """CU35, CU50, CU53."""
    customer_id = await store.write(hanako)
    stub = await store.write(lambda tx: gone(tx, customer_id))
    assert stub.email == f"anonymised+{customer_id}@invalid"
    assert stub.name == "Anonymised customer"
    assert (stub.phone_number, stub.preferred_locale, stub.billing_address_json) == (None, None, None)
    assert (stub.metadata_json, stub.version) == ("{}", 2)
    assert stub.anonymised_at is not None
    assert await store.read(lambda tx: customers.get(tx, customer_id)) == stub


async def test_nothing_of_the_person_is_left_in_any_table(store: Store) -> None:
    """CU54: not in events, blocks, idempotency records or the audit log; ids, types, times and sequence stay."""
    customer_id = await store.write(lambda tx: hanako(tx, "hanako@example.com signs up"))
    change = CustomerChange(name="Hanako Y.", metadata={"tier": "gold", "note": "nice to have"})
    await store.write(lambda tx: customers.update(tx, customer_id, change, "rename Hanako"))
    who = Identifier(email="hanako@example.com")
    await store.write(lambda tx: customers.block(tx, who, "chargeback", "said hanako", "block hanako"))
    await store.write(lambda tx: customers.unblock(tx, customer_id))
    before = await events_of(store, customer_id)
    await store.write(lambda tx: gone(tx, customer_id, "delete hanako"))
    everything = await dump(store)
    assert [word for word in SECRETS if word in everything] == []
    after = await events_of(store, customer_id)
    kept = [(event.id, event.type, event.sequence, event.occurred_at) for event in before]
    assert [(event.id, event.type, event.sequence, event.occurred_at) for event in after[:-1]] == kept


async def test_redacted_events_keep_their_shape(store: Store) -> None:
    """EV3: consumers find the same fields, of the same types."""
    customer_id = await store.write(hanako)
    await store.write(
        lambda tx: customers.update(tx, customer_id, CustomerChange(name="H", metadata={"a": 1}))
    )
    before = [orjson.loads(event.data_json) for event in await events_of(store, customer_id)]
    await store.write(lambda tx: gone(tx, customer_id))
    after = [orjson.loads(event.data_json) for event in await events_of(store, customer_id)]
    assert [payload.keys() for payload in after[:-1]] == [payload.keys() for payload in before]
    assert after[1]["previous_attributes"] == {"name": "Anonymised customer", "metadata": {}}
    assert (after[1]["version"], after[1]["updated_at"]) == (2, before[1]["updated_at"])
    assert after[-1] == {"payload_type": "Customer", "customer_id": customer_id}


async def test_amounts_stay_in_the_events_and_free_text_goes(store: Store) -> None:
    """CU54; the ledger itself is append-only and keeps what was written into it (CU50, W14)."""
    customer_id = await store.write(hanako)
    await store.write(lambda tx: credited(tx, customer_id, 12_50))
    await store.write(lambda tx: post(tx, customer_id, -12_50))
    await store.write(lambda tx: gone(tx, customer_id))
    payload = next(
        orjson.loads(event.data_json)
        for event in await events_of(store, customer_id)
        if event.type == EventType.WALLET_BALANCE_CHANGED
    )
    assert (payload["reason"], payload["metadata"], payload["idempotency_key"]) == (None, {}, None)
    assert (payload["amount"], payload["before_balance"], payload["after_balance"]) == (12_50, 0, 12_50)
    entries = await store.read(lambda tx: tx.all(select(LedgerEntry).order_by(col(LedgerEntry.sequence))))
    assert entries[0].reason == "for Hanako, nice to see you"
    assert entries[0].hash == payload["hash"]


async def test_other_customers_keep_their_names(store: Store) -> None:
    first, second = await store.write(hanako), await store.write(hanako)
    await store.write(lambda tx: gone(tx, first))
    assert "山田 Hanako" in (await events_of(store, second))[0].data_json
    kept = await store.read(lambda tx: customers.get(tx, second))
    assert kept is not None
    assert kept.name == "山田 Hanako"


async def test_deleting_again_answers_with_the_same_stub_and_no_event(store: Store) -> None:
    """CU55, CU56."""
    customer_id = await store.write(hanako)
    stub = await store.write(lambda tx: gone(tx, customer_id))
    before = await footprint(store)
    again = await store.write(lambda tx: customers.delete(tx, customer_id, True))
    assert (again.value, again.replayed) == (stub, False)
    assert grown(before, await footprint(store)) == {}
    kinds = [event.type for event in await events_of(store, customer_id)]
    assert kinds == ["customer.created", "customer.deleted"]


async def test_ten_deletions_at_once_are_one(store: Store) -> None:
    customer_id = await store.write(hanako)
    done = await asyncio.gather(
        *(store.write(lambda tx: customers.delete(tx, customer_id, False, "bye")) for _ in range(10))
    )
    assert sorted(outcome.replayed for outcome in done) == [False] + [True] * 9
    assert len(await events_of(store, customer_id)) == 2


async def test_a_customer_with_money_is_not_deleted(store: Store) -> None:
    """CU51: the answer says where the money is, and nothing has changed."""
    customer_id = await store.write(hanako)
    await store.write(lambda tx: post(tx, customer_id, 5))
    before = await footprint(store)
    with pytest.raises(Refusal) as caught:
        await store.write(lambda tx: gone(tx, customer_id))
    assert caught.value.code is ErrorCode.CUSTOMER_NOT_DELETABLE
    assert caught.value.path == ("input", "customerId")
    assert caught.value.details["reasons"] == ("WALLET_BALANCE_USD",)
    assert "5 minor units of USD" in caught.value.message
    assert grown(before, await footprint(store)) == {}


async def test_what_had_expired_is_booked_before_the_customer_goes(store: Store, clock: ManualClock) -> None:
    """CU51, W75: expired money is no balance that stands in the way, and no event follows `customer.deleted`."""
    customer_id = await store.write(hanako)
    soon = clock.now() + timedelta(days=1)
    await store.write(lambda tx: post(tx, customer_id, 700, expires_at=soon))
    clock.move_to(soon)
    await store.write(lambda tx: gone(tx, customer_id))
    assert await store.read(lambda tx: wallets.due(tx, 10)) == []
    told = [event.type for event in await events_of(store, customer_id)]
    assert told[-1] == EventType.CUSTOMER_DELETED
    assert EventType.WALLET_FUNDS_EXPIRED in told


async def test_money_is_forfeited_only_when_that_was_said(store: Store) -> None:
    """CU52: one debit per wallet that holds any, before the customer goes."""
    customer_id = await store.write(hanako)
    await store.write(lambda tx: post(tx, customer_id, 5))
    await store.write(lambda tx: post(tx, customer_id, 700, "INR"))
    await store.write(lambda tx: customers.delete(tx, customer_id, True))
    entries = await store.read(lambda tx: tx.all(select(LedgerEntry).order_by(col(LedgerEntry.id))))
    assert [(one.currency, one.is_credit, one.amount_minor, one.entry_type) for one in entries[2:]] == [
        ("INR", False, 700, "merchant_adjustment"),
        ("USD", False, 5, "merchant_adjustment"),
    ]
    assert {one.reason for one in entries[2:]} == {"customer deleted: balance forfeited"}
    views = await store.read(lambda tx: wallets.balances(tx, customer_id))
    assert [view.balance_minor for view in views] == [0, 0]
    kinds = [event.type for event in await events_of(store, customer_id)]
    assert kinds[-3:] == ["wallet.balance_changed", "wallet.balance_changed", "customer.deleted"]


@pytest.mark.parametrize(
    "work",
    [
        lambda tx, it: customers.update(tx, it, CustomerChange(name="B")),
        lambda tx, it: customers.block(tx, Identifier(customer_id=it), None, None),
        customers.unblock,
        lambda tx, it: sessions.create(tx, it, 60, None),
        lambda tx, it: post(tx, it, 1),
        lambda tx, it: post(tx, it, -1),
    ],
)
async def test_nothing_is_done_with_a_deleted_customer(store: Store, work: Any) -> None:
    """CU27, CU57, CU79."""
    customer_id = await store.write(hanako)
    await store.write(lambda tx: gone(tx, customer_id))
    before = await footprint(store)
    with pytest.raises(Refusal) as caught:
        await store.write(lambda tx: work(tx, customer_id))
    assert (caught.value.code, caught.value.path) == (ErrorCode.GONE, ("input", "customerId"))
    assert grown(before, await footprint(store)) == {}


async def test_a_creation_is_replayed_also_after_the_person_is_gone(store: Store) -> None:
    """A31: the record still tells the same request from another, without holding either."""
    customer_id = await store.write(lambda tx: hanako(tx, "k"))
    await store.write(lambda tx: gone(tx, customer_id))
    assert await store.write(lambda tx: hanako(tx, "k")) == customer_id
    with pytest.raises(Refusal) as caught:
        await store.write(lambda tx: customers.create(tx, NewCustomer("b@example.com", "B"), CURRENCIES, "k"))
    assert caught.value.code is ErrorCode.IDEMPOTENCY_KEY_REUSED


async def test_sessions_end_with_the_customer(store: Store) -> None:
    """CU53."""
    customer_id = await store.write(hanako)
    _, token = await store.write(lambda tx: a_session(tx, customer_id))
    await store.write(lambda tx: gone(tx, customer_id))
    assert await sessions.by_token(store, token) is None


async def test_deleting_nobody_is_refused(store: Store) -> None:
    with pytest.raises(Refusal) as caught:
        await store.write(lambda tx: gone(tx, "cus_unknown"))
    assert (caught.value.code, caught.value.path) == (ErrorCode.NOT_FOUND, ("input", "customerId"))


async def test_a_long_history_is_redacted_in_batches(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(erasure, "BATCH", 4)
    customer_id = await store.write(hanako)
    for number in range(11):
        change = CustomerChange(name=f"Hanako {number}")
        await store.write(lambda tx, change=change: customers.update(tx, customer_id, change))  # type: ignore[misc]

    def counted(tx: Tx) -> int:
        erasure.erase(tx, customer_id)
        return tx.statements

    # Three batches of two statements, the look that finds no fourth, the blocks, the sources, and the payments.
    assert await store.write(counted) == 12
    assert all("Hanako" not in event.data_json for event in await events_of(store, customer_id))
    assert await store.write(counted) == 9, "what is redacted already is not written again"


async def test_a_block_keeps_when_and_loses_whom(store: Store) -> None:
    customer_id = await store.write(hanako)
    who = Identifier(email="hanako@example.com")
    await store.write(lambda tx: customers.block(tx, who, "chargeback", "hanako again"))
    await store.write(lambda tx: gone(tx, customer_id))
    row = await store.read(lambda tx: tx.first(select(CustomerBlock)))
    assert row is not None
    assert (row.customer_email, row.identifier) == (f"anonymised+{customer_id}@invalid", customer_id)
    assert (row.reason, row.notes, row.blocked_by_email) == (None, None, True)


async def test_the_address_of_a_deleted_customer_is_free_again(store: Store) -> None:
    customer_id = await store.write(hanako)
    await store.write(lambda tx: customers.block(tx, Identifier(customer_id=customer_id), None, None))
    await store.write(lambda tx: gone(tx, customer_id))
    again = await store.write(lambda tx: a_customer(tx, email="hanako@example.com"))
    assert again.blocked_at is None


def credited(tx: Tx, customer_id: str, amount: int) -> wallets.Posted:
    entry = wallets.ManualEntry(
        customer_id=customer_id,
        currency="USD",
        entry_type="CREDIT",
        amount_minor=amount,
        reason="for Hanako, nice to see you",
        idempotency_key="hanako-1",
        funding=None,
        expires_at=None,
        metadata={"who": "Hanako"},
    )
    return wallets.post_manual(tx, entry, RULES)


async def dump(store: Store) -> str:
    """The text of all that is stored."""

    def rows(tx: Tx) -> str:
        tables = SQLModel.metadata.sorted_tables
        return str([tx.all(select(*table.columns)) for table in tables])

    return await store.read(rows)
