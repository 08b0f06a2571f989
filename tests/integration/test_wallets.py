"""Manual credits and debits: wallets.md §2, §3 and §3.1."""

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import bindparam, update
from sqlmodel import col, select

from saifu import customers, wallets
from saifu.ledger.entries import EntryType
from saifu.refusals import (
    ErrorCode,
    IdempotencyKeyReused,
    InsufficientFunds,
    MoneyMovement,
    Refusal,
    StaleVersion,
)
from saifu.store import Actor, ActorType, Origin
from saifu.tables import AuditRecord, Customer, Instant, Wallet
from saifu.wallets import ManualEntry
from tests.builders import RULES
from tests.desk import a_desk, everything, statements

_AT = bindparam("at", type_=Instant)
_THIS = col(Customer.id) == bindparam("which")
_BLOCK = update(Customer).where(_THIS).values(blocked_at=_AT)
_ANONYMISE = update(Customer).where(_THIS).values(anonymised_at=_AT)
_AUDIT = select(AuditRecord).where(col(AuditRecord.object_id) == bindparam("which"))


async def test_the_worked_debits_of_w22(store):
    """Balance 5 000: debit 1 500, then 3 501 is refused by 1, then 3 500 leaves nothing."""
    desk = await a_desk(store)
    await desk.credit(5_000)
    first = await desk.debit(1_500)
    assert (first.entry.before_minor, first.entry.after_minor, first.wallet.balance_minor) == (
        5_000,
        3_500,
        3_500,
    )
    before = await everything(store)
    with pytest.raises(InsufficientFunds) as refused:
        await desk.debit(3_501)
    assert (refused.value.balance_minor, refused.value.requested_minor, refused.value.currency) == (
        3_500,
        3_501,
        "USD",
    )
    assert refused.value.manner.http_status == 400
    assert refused.value.manner.money_movement is MoneyMovement.NONE
    assert await everything(store) == before
    assert (await desk.debit(3_500)).wallet.balance_minor == 0


async def test_an_answer_holds_both_the_entry_and_the_wallet_now(store, clock):
    """W20, W25: event type, direction, before and after, and the wallet as any reader sees it."""
    desk = await a_desk(store)
    posted = await desk.credit(700, "k", reason="  初回特典 🎁  ", metadata={"order": "o-1", "n": 1.5})
    entry = posted.entry
    assert (entry.entry_type, entry.is_credit, entry.amount_minor) == ("merchant_adjustment", True, 700)
    assert (entry.before_minor, entry.after_minor, entry.sequence) == (0, 700, 1)
    assert (entry.contra_account, entry.reference_type, entry.reference_id) == (
        "merchant_adjustments",
        None,
        None,
    )
    assert (entry.reason, entry.metadata_json) == ("初回特典 🎁", '{"order":"o-1","n":1.5}')
    assert (entry.funding, entry.expires_at, entry.idempotency_key) == ("paid", None, "k")
    assert entry.created_at == clock.now()
    assert posted.replayed is False
    assert posted.wallet == await desk.view()
    assert (await desk.entries())[0].hash == entry.hash


async def test_an_entry_and_its_audit_record_name_the_actor(store):
    """A43, W2: who did it is part of the entry."""
    desk = await a_desk(store)
    origin = Origin(Actor(ActorType.API_KEY, "key_1"), "req_1")
    entry = desk.entry("CREDIT", 5, None)
    posted = await store.write(lambda tx: wallets.post_manual(tx, entry, RULES), origin)
    assert (posted.entry.actor_type, posted.entry.actor_id) == ("api_key", "key_1")
    records = await store.read(lambda tx: tx.all(_AUDIT, which=posted.entry.id))
    assert [(one.mutation, one.actor_id, one.request_id, one.customer_id) for one in records] == [
        ("ledgerEntryCreate", "key_1", "req_1", desk.customer_id)
    ]


@pytest.mark.parametrize(
    ("asked", "path"),
    [
        ({"amount": 0}, ("input", "amount")),  # W21
        ({"amount": -1}, ("input", "amount")),
        ({"amount": True}, ("input", "amount")),
        ({"amount": 1_000_000_000_000}, ("input", "amount")),
        ({"entry_type": "TRANSFER"}, ("input", "entryType")),
        ({"entry_type": "DEBIT", "funding": "paid"}, ("input", "funding")),  # W27
        ({"entry_type": "DEBIT", "expires_at": datetime(2027, 1, 1, tzinfo=UTC)}, ("input", "expiresAt")),
        (
            {"expires_at": datetime(2026, 1, 15, 9, 30, tzinfo=UTC)},
            ("input", "expiresAt"),
        ),  # now is not the future
        ({"reason": "x" * 501}, ("input", "reason")),  # W26
        ({"metadata": {"": "x"}}, ("input", "metadata")),  # CU40
        ({"key": ""}, ("input", "idempotencyKey")),  # W36
        ({"key": "k" * 513}, ("input", "idempotencyKey")),
    ],
)
async def test_what_makes_no_sense_is_refused_and_leaves_nothing(store, asked, path):
    desk = await a_desk(store)
    await desk.credit(10)
    before = await everything(store)
    given = {"entry_type": "CREDIT", "amount": 5, **asked}
    with pytest.raises(Refusal) as refused:
        await desk.manual(given.pop("entry_type"), given.pop("amount"), given.pop("key", None), **given)
    assert (refused.value.code, refused.value.manner.http_status) == (
        ErrorCode.INVALID_REQUEST_PARAMETERS,
        422,
    )
    assert refused.value.path[: len(path)] == path
    assert await everything(store) == before


async def test_the_largest_amount_and_the_largest_balance(store):
    """W21, G2: an amount up to 999 999 999 999, a balance up to 2^53-1, and not one more."""
    desk = await a_desk(store)
    assert (await desk.credit(999_999_999_999)).wallet.balance_minor == 999_999_999_999
    whole = wallets.Posting(EntryType.MERCHANT_ADJUSTMENT, True, 2**53 - 1 - 999_999_999_999)
    await desk.post(whole)
    before = await everything(store)
    with pytest.raises(Refusal) as refused:
        await desk.credit(1)
    assert (refused.value.code, refused.value.path) == (
        ErrorCode.INVALID_REQUEST_PARAMETERS,
        ("input", "amount"),
    )
    assert await everything(store) == before
    assert (await desk.view()).balance_minor == 2**53 - 1


async def test_a_currency_that_is_not_enabled_is_refused(store):
    """W4."""
    desk = await a_desk(store)
    with pytest.raises(Refusal) as refused:
        await desk.credit(5, currency="EUR")
    assert (refused.value.code, refused.value.path) == (ErrorCode.UNSUPPORTED_CURRENCY, ("input", "currency"))


async def test_balances_of_different_currencies_are_independent(store):
    """W3."""
    desk = await a_desk(store)
    await desk.credit(500)
    await desk.credit(90_000, currency="INR")
    await desk.debit(200)
    found = await store.read(lambda tx: wallets.of_customers(tx, [desk.customer_id], ("INR", "USD")))
    assert [(view.currency, view.balance_minor) for view in found[desk.customer_id]] == [
        ("INR", 90_000),
        ("USD", 300),
    ]


async def test_nobody_can_be_credited_who_is_not_there(store):
    """W24: unknown 404; anonymised 410; blocked 403 for credits, while debits go through."""
    desk = await a_desk(store)
    await desk.credit(100, "before")
    with pytest.raises(Refusal) as unknown:
        await desk.credit(5, customer_id="cus_nobody")
    assert (unknown.value.code, unknown.value.path) == (ErrorCode.NOT_FOUND, ("input", "customerId"))
    await store.write(lambda tx: tx.run(_BLOCK, which=desk.customer_id, at=tx.now))
    with pytest.raises(Refusal) as blocked:
        await desk.credit(5)
    assert (blocked.value.code, blocked.value.manner.http_status) == (ErrorCode.CUSTOMER_BLOCKED, 403)
    assert (await desk.debit(40)).wallet.balance_minor == 60
    await store.write(lambda tx: tx.run(_ANONYMISE, which=desk.customer_id, at=tx.now))
    for kind in ("CREDIT", "DEBIT"):
        with pytest.raises(Refusal) as gone:
            await desk.manual(kind, 5)
        assert (gone.value.code, gone.value.manner.http_status) == (ErrorCode.GONE, 410)
    # W35: the key is looked at first, so a client that lost its answer still learns what happened.
    assert (await desk.credit(100, "before")).replayed is True


async def test_the_table_of_repeated_keys(store):
    """§3.1 row by row; ruling 3 turns "409, duplicate" into the original answer with `replayed`."""
    desk = await a_desk(store)
    welcome = await desk.credit(1_000, "welcome_c1")
    assert (welcome.replayed, welcome.wallet.balance_minor) == (False, 1_000)
    again = await desk.credit(1_000, "welcome_c1")
    assert (again.replayed, again.entry.id, again.wallet.balance_minor) == (True, welcome.entry.id, 1_000)
    with pytest.raises(IdempotencyKeyReused) as reused:
        await desk.credit(2_000, "welcome_c1")
    assert (reused.value.mismatched_fields, reused.value.manner.http_status) == (("amount",), 409)
    assert welcome.entry.id not in str(reused.value)
    charge = await desk.debit(1_000, "charge_9")
    assert charge.wallet.balance_minor == 0
    repeated = await desk.debit(1_000, "charge_9")
    assert (repeated.replayed, repeated.entry.id, repeated.wallet.balance_minor) == (True, charge.entry.id, 0)
    with pytest.raises(InsufficientFunds):
        await desk.debit(1, "charge_10")
    await desk.credit(5)
    late = await desk.debit(1, "charge_10")
    assert (late.replayed, late.wallet.balance_minor) == (False, 4)
    assert [entry.sequence for entry in await desk.entries()] == [1, 2, 3, 4]


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"currency": "INR"}, "currency"),
        ({"entry_type": "DEBIT", "funding": None, "expires_at": None}, "entry_type"),
        ({"amount": 6}, "amount"),
        ({"funding": "paid"}, "funding"),
        ({"expires_at": datetime(2026, 3, 2, tzinfo=UTC)}, "expires_at"),
        ({"expires_at": None}, "expires_at"),
    ],
)
async def test_another_request_under_the_same_key_is_an_error(store, changed, field):
    """W32, W33, W30 (one customer cannot reuse a key in another currency)."""
    desk = await a_desk(store)
    first: dict[str, Any] = {
        "entry_type": "CREDIT",
        "amount": 5,
        "funding": "promotional",
        "expires_at": datetime(2026, 3, 1, tzinfo=UTC),
    }
    await desk.manual(key="k", **first)
    before = await everything(store)
    with pytest.raises(IdempotencyKeyReused) as reused:
        await desk.manual(key="k", **{**first, **changed})
    assert field in reused.value.mismatched_fields
    assert await everything(store) == before


async def test_descriptions_do_not_make_a_request_another(store, clock):
    """W33: reason and metadata; nor does the zone in which an instant is written, nor saying the default aloud."""
    desk = await a_desk(store)
    at = datetime(2026, 3, 1, tzinfo=UTC)
    first = await desk.credit(5, "k", reason="a", metadata={"a": 1}, expires_at=at)
    kolkata = at.astimezone(ZoneInfo("Asia/Kolkata"))
    again = await desk.credit(5, "k", reason="b", metadata={}, funding="paid", expires_at=kolkata)
    assert (again.replayed, again.entry.reason) == (True, "a")
    clock.move_to(
        at + timedelta(days=1)
    )  # what was in the future then is in the past now, and still the same request
    assert (await desk.credit(5, "k", expires_at=at)).entry.id == first.entry.id


async def test_two_customers_may_use_the_same_key(store):
    """W30."""
    for desk in (await a_desk(store), await a_desk(store)):
        assert (await desk.credit(100, "welcome")).replayed is False


@pytest.mark.parametrize(
    "key", ["$", "refund for order 7", "財布 🎁", "K", "k", " k", "é", "e\u0301", "k" * 512]
)
async def test_keys_of_any_script_are_compared_byte_for_byte(store, key):
    """W36: other spellings of the same letters are other keys."""
    desk = await a_desk(store)
    for other in ["K", "k", " k", "é", "e\u0301"]:
        await desk.credit(1, other)
    expected = key in ["K", "k", " k", "é", "e\u0301"]
    posted = await desk.credit(1, key)
    assert (posted.replayed, posted.entry.idempotency_key) == (expected, key)


async def test_without_a_key_each_call_is_its_own(store):
    """W36: absent is no protection; the GraphQL contract asks for a key (A30)."""
    desk = await a_desk(store)
    entry = ManualEntry(desk.customer_id, "USD", "CREDIT", 5)
    for _ in range(2):
        await store.write(lambda tx: wallets.post_manual(tx, entry, RULES))
    assert (await desk.view()).balance_minor == 10


async def test_every_entry_has_one_event_in_ledger_order(store):
    """W15, W85, EV2: the entry and the balance that it left."""
    desk = await a_desk(store)
    await desk.credit(6_000, "a")
    posted = await desk.debit(1_500, "b", reason="renewal 2026-01")
    events = await desk.events()
    entries = await desk.entries()
    assert [data["id"] for _, data in events] == [entry.id for entry in entries]
    kind, data = events[1]
    assert kind == "wallet.balance_changed"
    (lot,) = await desk.lots()
    assert data == {
        "payload_type": "WalletLedgerEntry",
        "id": posted.entry.id,
        "customer_id": desk.customer_id,
        "currency": "USD",
        "sequence": 2,
        "event_type": "merchant_adjustment",
        "is_credit": False,
        "amount": 1_500,
        "before_balance": 6_000,
        "after_balance": 4_500,
        "balance": 4_500,
        "contra_account": "merchant_adjustments",
        "reference_object_type": None,
        "reference_object_id": None,
        "reason": "renewal 2026-01",
        "funding": None,
        "expires_at": None,
        "idempotency_key": "b",
        "lots": [{"lot_id": lot.id, "amount": 1_500}],
        "metadata": {},
        "actor": {"type": "system", "id": "saifu"},
        "created_at": "2026-01-15T09:30:00.000000Z",
        "hash": posted.entry.hash,
    }


async def test_a_clock_that_jumps_back_never_reorders_a_ledger(store, clock):
    desk = await a_desk(store)
    first = await desk.credit(5)
    clock.advance(timedelta(hours=-2))
    second = await desk.credit(6)
    assert second.entry.created_at == first.entry.created_at
    assert [entry.amount_minor for entry in await desk.entries()] == [5, 6]
    assert (await desk.verdict()).intact


async def test_a_wallet_that_contradicts_itself_is_not_made_worse(store):
    """W13: a balance that no lot holds is nobody's to spend, and is never driven below zero."""
    desk = await a_desk(store)
    await desk.credit(100)
    tampered = update(Wallet).values(balance_minor=900, paid_minor=900)
    await store.write(lambda tx: tx.run(tampered))
    before = await everything(store)
    with pytest.raises(Refusal) as refused:
        await desk.debit(500)
    assert (refused.value.code, refused.value.manner.http_status) == (
        ErrorCode.NEGATIVE_BALANCE_ADJUSTMENT,
        400,
    )
    assert await everything(store) == before


async def test_the_hot_path_takes_few_statements(store):
    """At most 13 of them on SQLite (an insert per table), at most 8 on PostgreSQL (one for all inserts)."""
    desk = await a_desk(store)
    await desk.credit(5_000)
    sqlite = store.url.startswith("sqlite")

    def manual(kind, amount):
        return lambda tx: wallets.post_manual(tx, desk.entry(kind, amount, None), RULES)

    debit = await statements(store, manual("DEBIT", 5))
    credit = await statements(store, manual("CREDIT", 5))
    assert debit <= (12 if sqlite else 8)
    assert credit <= (12 if sqlite else 7)


async def test_a_threshold_is_set_once_per_key_and_at_the_version_expected(store):
    """A10, A31, W80: None returns to the default of the business."""
    desk = await a_desk(store)
    version = (await desk.view()).version
    outcome = await desk.threshold(1_000, expected=version, key="t1")
    assert (outcome.replayed, outcome.value.low_balance_threshold_minor, outcome.value.version) == (
        False,
        1_000,
        version + 1,
    )
    assert (await desk.threshold(1_000, expected=version, key="t1")).replayed is True
    with pytest.raises(StaleVersion) as stale:
        await desk.threshold(2_000, expected=version)
    assert stale.value.current_version == version + 1
    assert (await desk.threshold(None)).value.low_balance_threshold_minor is None
    for wrong in (-1, 2**53):
        with pytest.raises(Refusal) as refused:
            await desk.threshold(wrong)
        assert refused.value.path == ("input", "lowBalanceThreshold")


async def test_a_threshold_that_was_set_is_told_again_when_the_customer_is_gone(store):
    """A31: the answer was lost, the customer deleted, the request repeated. A new request is GONE (CU57)."""
    desk = await a_desk(store)
    await desk.threshold(1_000, key="t1")
    await store.write(lambda tx: customers.delete(tx, desk.customer_id, False))
    assert (await desk.threshold(1_000, key="t1")).replayed is True
    for key in (None, "t2"):
        with pytest.raises(Refusal) as gone:
            await desk.threshold(1_000, key=key)
        assert gone.value.code is ErrorCode.GONE


async def test_a_threshold_expected_at_another_version_is_another_request(store):
    """W32."""
    desk = await a_desk(store)
    await desk.threshold(1_000, expected=1, key="t1")
    with pytest.raises(IdempotencyKeyReused) as reused:
        await desk.threshold(1_000, expected=2, key="t1")
    assert reused.value.mismatched_fields == ("expected_version",)


async def test_a_threshold_of_a_currency_not_enabled_is_refused(store):
    """W4, with rules and without."""
    desk = await a_desk(store)
    for rules in (RULES, None):
        with pytest.raises(Refusal) as refused:
            await store.write(
                lambda tx, rules=rules: wallets.set_threshold(
                    tx, desk.customer_id, "EUR", 5, None, None, rules
                )
            )
        assert refused.value.code is ErrorCode.UNSUPPORTED_CURRENCY


async def test_forfeiting_brings_each_wallet_to_nought_with_one_debit(store, clock):
    """CU52; what has expired by then expires, and nobody is told that the wallet is low."""
    desk = await a_desk(store)
    await desk.threshold(1_000)
    await desk.credit(5_000)
    await desk.credit(300, expires_at=clock.now() + timedelta(days=1))
    await desk.credit(7_000, currency="INR")
    clock.advance(timedelta(days=2))
    written = await store.write(lambda tx: wallets.forfeit(tx, desk.customer_id))
    assert [(entry.currency, entry.amount_minor, entry.is_credit) for entry in written] == [
        ("INR", 7_000, False),
        ("USD", 5_000, False),
    ]
    assert {(entry.entry_type, entry.reason) for entry in written} == {
        ("merchant_adjustment", "customer deleted: balance forfeited")
    }
    assert [entry.entry_type for entry in await desk.entries()][2:] == ["expiry", "merchant_adjustment"]
    assert await desk.events("wallet.balance_low") == []
    assert await store.write(lambda tx: wallets.forfeit(tx, desk.customer_id)) == []


async def test_forfeiting_more_than_one_request_may_ask_for_is_still_one_debit(store):
    """CU52 against W21: the limit of an amount is one of requests, not of what follows from the ledger."""
    desk = await a_desk(store)
    for _ in range(2):
        await desk.credit(999_999_999_999)
    (entry,) = await store.write(lambda tx: wallets.forfeit(tx, desk.customer_id))
    assert entry.amount_minor == 1_999_999_999_998
