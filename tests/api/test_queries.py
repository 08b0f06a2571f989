"""What can be asked: every root field and every edge, with what it answers (§7, W5, W28, W74-W95, rulings 11, 12)."""

import csv
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from saifu.clock import ManualClock
from saifu.events import EventType
from saifu.store import Store, Tx
from tests.api.mutations import a_new_customer, an_entry, done
from tests.builders import a_customer, post
from tests.client import Api


async def test_the_viewer_knows_who_and_where_it_is(client: Api) -> None:
    found = await client.execute(
        "{ viewer { kind mode livemode businessId scopes customerId currencies usdRates { currency } } }"
    )
    viewer = found["viewer"]
    assert (viewer["kind"], viewer["mode"], viewer["livemode"]) == ("API_KEY", "TEST", False)
    assert (viewer["businessId"], viewer["currencies"], viewer["customerId"]) == (
        "bus_default",
        ["USD", "INR"],
        None,
    )
    assert "ADMIN" in viewer["scopes"]


async def test_a_wallet_shows_its_parts_and_its_next_expiry(client: Api, clock: ManualClock) -> None:
    """W1, W12, W74, W75: at the instant of expiry the money is gone, swept or not."""
    customer_id = await a_new_customer(client)
    await done(client, "ledgerEntryCreate", **an_entry(customer_id, amount=400))
    await done(
        client,
        "ledgerEntryCreate",
        **an_entry(
            customer_id,
            amount=600,
            funding="PROMOTIONAL",
            expiresAt="2026-01-31T00:00:00Z",
            idempotencyKey="p",
        ),
    )
    asked = """query ($id: ID!) { wallet(customerId: $id, currency: "USD") {
      balance { amount } paidBalance { amount } promotionalBalance { amount } sequence
      nextExpiry { amount { amount currency } expiresAt }
      lots(orderBy: CREATED_AT_ASC) { nodes { funding status remainingAmount { amount } originalAmount { amount } } }
      spendable: lots(spendable: true) { totalCount }
      past: balanceAt(asOf: "2026-01-15T09:29:59Z") { amount }
      future: balanceAt(asOf: "2026-01-31T00:00:00Z") { amount } } }"""
    wallet = (await client.execute(asked, id=customer_id))["wallet"]
    assert (wallet["balance"], wallet["paidBalance"], wallet["promotionalBalance"]) == (
        {"amount": 1000}, {"amount": 400}, {"amount": 600},
    )  # fmt: skip
    assert wallet["nextExpiry"] == {
        "amount": {"amount": 600, "currency": "USD"},
        "expiresAt": "2026-01-31T00:00:00Z",
    }
    assert (wallet["past"], wallet["future"], wallet["sequence"]) == ({"amount": 0}, {"amount": 400}, 2)
    assert wallet["spendable"] == {"totalCount": 2}

    clock.advance(timedelta(days=15, hours=14, minutes=30))
    wallet = (await client.execute(asked, id=customer_id))["wallet"]
    assert (wallet["balance"], wallet["promotionalBalance"], wallet["nextExpiry"]) == (
        {"amount": 400}, {"amount": 0}, None,
    )  # fmt: skip
    assert [lot["status"] for lot in wallet["lots"]["nodes"]] == ["ACTIVE", "EXPIRED"]
    assert [lot["remainingAmount"]["amount"] for lot in wallet["lots"]["nodes"]] == [400, 0]
    assert wallet["spendable"] == {"totalCount": 1}


async def test_an_instant_before_the_year_1000_is_before_everything(client: Api) -> None:
    """W75, CU30: on SQLite instants are compared as text, where 999 once came after 2026."""
    customer_id = await a_new_customer(client)
    await done(client, "ledgerEntryCreate", **an_entry(customer_id))
    asked = """query ($id: ID!) {
      wallet(customerId: $id, currency: "USD") { balanceAt(asOf: "0999-01-01T00:00:00Z") { amount } }
      since: customers(filter: {createdAtGte: "0999-01-01T00:00:00Z"}) { totalCount }
      until: customers(filter: {createdAtLte: "0999-01-01T00:00:00Z"}) { totalCount } }"""
    assert await client.execute(asked, id=customer_id) == {
        "wallet": {"balanceAt": {"amount": 0}},
        "since": {"totalCount": 1},
        "until": {"totalCount": 0},
    }


async def test_a_wallet_of_a_currency_that_is_not_enabled_is_null(client: Api) -> None:
    """W4, A27."""
    customer_id = await a_new_customer(client)
    asked = """query ($id: ID!, $c: Currency!) {
      wallet(customerId: $id, currency: $c) { id } customer(id: $id) { wallet(currency: $c) { id } } }"""
    assert await client.execute(asked, id=customer_id, c="EUR") == {
        "wallet": None,
        "customer": {"wallet": None},
    }
    found = await client.execute(asked, id=customer_id, c="INR")
    assert (
        found["wallet"]
        == found["customer"]["wallet"]
        == {"id": f"wlt_{customer_id.removeprefix('cus_')}_INR"}
    )


async def test_the_total_in_dollars_is_null_while_a_rate_is_missing(client: Api) -> None:
    """W5: never a silent partial sum."""
    customer_id = await a_new_customer(client)
    asked = "query ($id: ID!) { customer(id: $id) { totalBalanceUsd { amount currency } totalBalanceUsdMissing } }"
    await done(client, "ledgerEntryCreate", **an_entry(customer_id))
    found = (await client.execute(asked, id=customer_id))["customer"]
    assert found == {"totalBalanceUsd": {"amount": 5000, "currency": "USD"}, "totalBalanceUsdMissing": []}
    await done(client, "ledgerEntryCreate", **an_entry(customer_id, currency="INR", idempotencyKey="2"))
    found = (await client.execute(asked, id=customer_id))["customer"]
    assert found == {"totalBalanceUsd": None, "totalBalanceUsdMissing": ["INR"]}


@pytest.mark.parametrize(
    ("given", "amounts"),
    [
        ("", [-100, 300, 700]),
        ("orderBy: CREATED_AT_ASC", [700, 300, -100]),
        ('currency: "INR"', [300]),
        ('currency: "EUR"', []),
        ("filter: {isCredit: false}", [-100]),
        ("filter: {isCredit: true}", [300, 700]),
        ("filter: {eventType: EXPIRY}", []),
        ("filter: {eventType: MERCHANT_ADJUSTMENT, isCredit: false}", [-100]),
        ('filter: {createdAtGte: "2026-01-15T09:31:00Z"}', [-100, 300]),
        ('filter: {createdAtLte: "2026-01-15T09:31:00Z"}', [300, 700]),
        ('filter: {referenceObjectId: "pay_1"}', []),
    ],
)
async def test_ledger_entries_are_filtered(
    client: Api, store: Store, clock: ManualClock, given: str, amounts: list[int]
) -> None:
    """W28."""
    customer_id = (await store.write(a_customer)).id
    for amount, currency in ((700, "USD"), (300, "INR"), (-100, "USD")):
        await store.write(lambda tx, much=amount, of=currency: post(tx, customer_id, much, of))  # type: ignore[misc]
        clock.advance(timedelta(minutes=1))
    for field in (f'ledgerEntries(customerId: "{customer_id}", {given})', f"ledgerEntries({given})"):
        field = field.replace(", )", ")").replace("()", "")  # noqa: PLW2901
        found = (
            await client.execute(f"{{ {field} {{ totalCount nodes {{ isCredit amount {{ amount }} }} }} }}")
        )["ledgerEntries"]
        assert [one["amount"]["amount"] * (1 if one["isCredit"] else -1) for one in found["nodes"]] == amounts
        assert found["totalCount"] == len(amounts)


BACKWARDS = (
    '(filter: {createdAtGte: "2026-02-01T00:00:00Z", createdAtLte: "2026-01-01T00:00:00Z"}) { totalCount }'
)
REPORT = (
    'walletSpendReport(currency: "USD", from: "%s", to: "2026-01-02T00:00:00Z", timezone: "%s") { currency }'
)


@pytest.mark.parametrize(
    ("field", "path"),
    [
        (f"ledgerEntries{BACKWARDS}", ["filter", "createdAtGte"]),
        (f"customers{BACKWARDS}", ["filter", "createdAtGte"]),
        (f"auditLog{BACKWARDS}", ["filter", "createdAtGte"]),
        ("customers(filter: {walletBalanceLt: 5}) { totalCount }", ["filter", "walletBalanceLt"]),
        (REPORT % ("2026-01-02T00:00:00Z", "UTC"), ["to"]),
        (REPORT % ("2020-01-01T00:00:00Z", "UTC"), ["granularity"]),
        (REPORT % ("2026-01-01T00:00:00Z", "Mars/Olympus"), ["timezone"]),
    ],
)
async def test_arguments_of_a_query_that_make_no_sense_are_named(
    client: Api, field: str, path: list[str]
) -> None:
    """CU33, CU36, W90: top-level BAD_USER_INPUT with INVALID_QUERY_PARAMS."""
    (error,) = (await client.ask(f"{{ {field} }}")).body["errors"]
    assert error["extensions"]["code"] == "BAD_USER_INPUT"
    assert error["extensions"]["errorCode"] == "INVALID_QUERY_PARAMS"
    assert (error["extensions"]["httpStatus"], error["extensions"]["path"]) == (422, path)


async def test_a_report_adds_up_bucket_by_bucket(client: Api, store: Store, clock: ManualClock) -> None:
    """W90-W94."""
    customer_id = (await store.write(a_customer)).id
    for amount in (5000, -1500):
        await store.write(lambda tx, much=amount: post(tx, customer_id, much))  # type: ignore[misc]
        clock.advance(timedelta(days=1))
    asked = """query ($id: ID!) {
      report: walletSpendReport(customerId: $id, currency: "USD", from: "2026-01-15T00:00:00Z",
        to: "2026-01-18T00:00:00Z") { buckets { openingBalance { amount } closingBalance { amount } spend { amount }
        creditsTotal { amount } debitsTotal { amount } byEventType { eventType isCredit amount { amount } count } }
        summary { averageDailySpend projectedDaysLeft } csv }
      trend: walletBalanceTrend(customerId: $id, currency: "USD", from: "2026-01-15T00:00:00Z",
        to: "2026-01-18T00:00:00Z") { buckets {
        closingBalance { amount } lowestBalance { amount } highestBalance { amount } } csv } }"""
    found = await client.execute(asked, id=customer_id)
    buckets = found["report"]["buckets"]
    assert [bucket["openingBalance"]["amount"] for bucket in buckets] == [0, 5000, 3500]
    assert [bucket["closingBalance"]["amount"] for bucket in buckets] == [5000, 3500, 3500]
    assert [bucket["spend"]["amount"] for bucket in buckets] == [0, 1500, 0]
    assert buckets[1]["byEventType"] == [
        {"eventType": "MERCHANT_ADJUSTMENT", "isCredit": False, "amount": {"amount": 1500}, "count": 1}
    ]
    assert found["report"]["summary"] == {"averageDailySpend": "50.00", "projectedDaysLeft": 70}
    assert [bucket["lowestBalance"]["amount"] for bucket in found["trend"]["buckets"]] == [0, 3500, 3500]
    assert [bucket["closingBalance"]["amount"] for bucket in found["trend"]["buckets"]] == [5000, 3500, 3500]
    for report in (found["report"], found["trend"]):
        lines = list(csv.DictReader(report["csv"].splitlines()))
        assert [int(line["closing_balance"]) for line in lines] == [5000, 3500, 3500], "W95: the same columns"


async def test_the_books_balance_and_the_chain_holds(client: Api, store: Store) -> None:
    """Rulings 11 and 12."""
    customer_id = (await store.write(a_customer)).id
    entries = [(await store.write(lambda tx, n=n: post(tx, customer_id, n))).entry for n in (900, -300)]  # type: ignore[misc]
    found = await client.execute(
        """query ($id: ID!) { trialBalance { currency balanced sum { amount } drifted { walletId }
          accounts { name credits { amount } debits { amount } balance { amount } } }
          past: trialBalance(asOf: "2020-01-01T00:00:00Z") { balanced accounts { balance { amount } } }
          ledgerVerify(customerId: $id, currency: "USD") { intact entriesChecked head broken { sequence } fault }
          nobody: ledgerVerify(customerId: "cus_x", currency: "USD") { intact } }""",
        id=customer_id,
    )
    dollars = found["trialBalance"][0]
    assert (dollars["currency"], dollars["balanced"], dollars["sum"], dollars["drifted"]) == (
        "USD",
        True,
        {"amount": 0},
        [],
    )
    accounts = {one["name"]: one["balance"]["amount"] for one in dollars["accounts"]}
    assert (accounts["wallets"], accounts["merchant_adjustments"]) == (600, -600)
    assert all(one["balanced"] for one in found["past"])
    assert found["ledgerVerify"] == {
        "intact": True, "entriesChecked": 2, "head": entries[-1].hash, "broken": None, "fault": None,
    }  # fmt: skip
    assert found["nobody"] is None


async def test_events_tell_what_happened_and_lead_to_what_it_was_about(client: Api) -> None:
    """A50, EV1-EV4, ruling 14."""
    customer_id = await a_new_customer(client)
    entry = (await done(client, "ledgerEntryCreate", **an_entry(customer_id)))["ledgerEntry"]["id"]
    await client.whole_log()
    found = await client.execute(
        """query ($id: ID!) {
          events(filter: {customerId: $id}, orderBy: CURSOR_ASC) { totalCount nodes {
            id type name cursor sequence orderKey
            customerId objectId occurredAt data apiVersion livemode businessId customer { name }
            object { __typename id } } }
          none: events(filter: {types: []}) { totalCount }
          some: events(filter: {types: [CUSTOMER_CREATED]}) { totalCount }
          eventTypes { type name payloadType sentWhen } }""",
        id=customer_id,
    )
    created, changed = found["events"]["nodes"]
    assert (created["name"], changed["name"]) == ("customer.created", "wallet.balance_changed")
    assert [created["sequence"], changed["sequence"]] == [1, 2]
    assert {created["orderKey"], changed["orderKey"]} == {customer_id}
    assert created["object"] == {"__typename": "Customer", "id": customer_id}
    assert changed["object"] == {"__typename": "LedgerEntry", "id": entry}
    assert (changed["data"]["payload_type"], changed["data"]["amount"]) == ("WalletLedgerEntry", 5000)
    assert changed["customer"] == {"name": "Aiko"}
    assert (found["none"]["totalCount"], found["some"]["totalCount"]) == (0, 1)
    assert len(found["eventTypes"]) == len(EventType)
    one = await client.execute(
        "query ($id: ID!) { event(id: $id) { id } node(id: $id) { id } }", id=changed["id"]
    )
    assert one == {"event": {"id": changed["id"]}, "node": {"id": changed["id"]}}


async def test_every_change_is_in_the_audit_log_with_its_actor(client: Api) -> None:
    """A43, S20."""
    customer_id = await a_new_customer(client)
    await done(client, "walletUpdate", customerId=customer_id, currency="USD", lowBalanceThreshold=5)
    asked = """query ($f: AuditLogFilter) { auditLog(filter: $f, orderBy: CREATED_AT_ASC) { nodes {
      mutation objectId customerId requestId actor { type id } detail } } }"""
    lines = (await client.execute(asked, f={"customerId": customer_id}))["auditLog"]["nodes"]
    assert [line["mutation"] for line in lines] == ["customerCreate", "walletUpdate"]
    assert {line["actor"]["type"] for line in lines} == {"API_KEY"}
    assert all(line["requestId"].startswith("req_") for line in lines)
    one = (await client.execute(asked, f={"mutation": "walletUpdate"}))["auditLog"]["nodes"]
    assert len(one) == 1


async def test_customers_are_found_by_what_is_known_of_them(client: Api) -> None:
    """CU30-CU36."""
    aiko = await a_new_customer(client, email="Aiko@Example.com", name="愛子 100%_\\")
    bert = await a_new_customer(client, email="bert@example.com", name="Bert")
    await done(client, "ledgerEntryCreate", **an_entry(bert))
    await done(client, "customerBlock", customer={"id": bert})
    gone = await a_new_customer(client, email="c@example.com", name="Carla")
    for given, expected in [
        ({}, [gone, bert, aiko]),
        ({"email": "AIKO@example.COM"}, [aiko]),
        ({"name": "愛"}, [aiko]),
        ({"name": "%_\\"}, [aiko]),
        ({"name": "b"}, [bert]),
        ({"name": "_ert"}, []),
        ({"blocked": True}, [bert]),
        ({"blocked": False}, [gone, aiko]),
        ({"walletBalanceLt": 1, "currency": "USD"}, [gone, aiko]),
        ({"email": "nobody@example.com"}, []),
    ]:
        found = await client.execute(
            "query ($f: CustomerFilter) { customers(filter: $f) { totalCount nodes { id } } }", f=given
        )
        assert [node["id"] for node in found["customers"]["nodes"]] == expected, given
        assert found["customers"]["totalCount"] == len(expected)


async def test_a_fault_of_ours_shows_a_reference_and_nothing_else(
    client: Api,
    store: Store,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    """A26: the details are in the log alone."""

    async def broken(_work: Callable[[Tx], Any], _origin: Any = None) -> Any:
        raise RuntimeError("the password is hunter2")

    monkeypatch.setattr(store, "write", broken)
    answer = await client.ask(
        'mutation { customerCreate(input: {email: "a@b.example", name: "A"}) { errors { code } } }'
    )
    (error,) = answer.body["errors"]
    assert error["extensions"]["code"] == "INTERNAL_SERVER_ERROR"
    reference = error["extensions"]["reference"]
    assert reference in error["message"]
    assert "hunter2" not in str(answer.body)
    assert reference in "".join(capsys.readouterr()) + caplog.text


async def test_a_database_that_is_away_is_said_to_be_retryable(
    client: Api, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A21, A24: SERVICE_UNAVAILABLE moved nothing; OUTCOME_UNKNOWN may have."""
    from saifu.refusals import OutcomeUnknown, Unavailable

    customer_id = await a_new_customer(client)
    for refusal, code, money in [
        (Unavailable("The database is full."), "SERVICE_UNAVAILABLE", "NONE"),
        (OutcomeUnknown(), "OUTCOME_UNKNOWN", "UNKNOWN"),
    ]:

        async def away(_work: Any, _origin: Any = None, refusal: Exception = refusal) -> Any:
            raise refusal

        with monkeypatch.context() as patch:
            patch.setattr(store, "write", away)
            payload = await client.execute(
                """mutation ($i: LedgerEntryCreateInput!) { ledgerEntryCreate(input: $i) {
                errors { code httpStatus retryable moneyMovement path } } }""",
                i=an_entry(customer_id),
            )
        (error,) = payload["ledgerEntryCreate"]["errors"]
        assert error == {
            "code": code,
            "httpStatus": 503,
            "retryable": True,
            "moneyMovement": money,
            "path": [],
        }
