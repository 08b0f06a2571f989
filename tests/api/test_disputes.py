"""Disputes as clients see them: opened by a bank, read, answered and decided, at the simulator (payments.md §6)."""

from datetime import timedelta
from typing import Any

from saifu.clock import ManualClock
from saifu.processors.contract import DisputeReport
from saifu.settings import Settings
from saifu.store import Store, Tx
from saifu.tables import Dispute, Payment
from tests.api.mutations import done, refused
from tests.api.test_refunds import paid
from tests.builders import a_session
from tests.client import Api
from tests.refunding import PAYMENT_RULES, a_payment, everything_due

OF_PAYMENT = """query ($id: ID!) { payment(id: $id) { status disputes { nodes { id } totalCount } } }"""
ONE = """query ($id: ID!) { dispute(id: $id) {
  id status stage reason respondBy amount { amount currency } walletAmount { amount } walletShortfall { amount }
  evidence { stage text submittedAt } isResolvedByRdr payment { id status } customer { id } } }"""
DISPUTES = """query ($customerId: ID, $filter: DisputeFilter) {
  disputes(customerId: $customerId, filter: $filter) { nodes { id } totalCount } }"""


async def disputed(
    client: Api, store: Store, settings: Settings, clock: ManualClock, token: str = "tok_createDispute"
) -> tuple[str, str]:
    """A payment whose bank has opened a dispute, and the dispute."""
    payment_id = await paid(client, token)
    await everything_due(store, settings, clock)
    payment = (await client.execute(OF_PAYMENT, id=payment_id))["payment"]
    assert (payment["status"], payment["disputes"]["totalCount"]) == ("SUCCEEDED", 1)
    return payment_id, payment["disputes"]["nodes"][0]["id"]


async def shown(client: Api, dispute_id: str) -> Any:
    return (await client.execute(ONE, id=dispute_id))["dispute"]


async def test_a_bank_opens_a_dispute_and_evidence_wins_it(
    client: Api, store: Store, settings: Settings, clock: ManualClock
) -> None:
    """PM50, PM51, PM55, PM59a, PM59c: and refunds to the source wait until then (PM49)."""
    payment_id, dispute_id = await disputed(client, store, settings, clock)
    found = await shown(client, dispute_id)
    assert (found["status"], found["stage"], found["amount"]) == (
        "DISPUTE_OPENED", "DISPUTE", {"amount": 6_000, "currency": "USD"}
    )  # fmt: skip
    assert found["payment"] == {"id": payment_id, "status": "SUCCEEDED"}
    no = await refused(client, "refundCreate", paymentId=payment_id, amount=1, idempotencyKey="r1")
    assert (no["code"], no["httpStatus"]) == ("PAYMENT_DISPUTED", 409)
    asked = {"disputeId": dispute_id, "evidence": "winning_evidence", "idempotencyKey": "c1"}
    challenged = await done(client, "disputeChallenge", **asked)
    assert challenged["dispute"]["status"] == "DISPUTE_CHALLENGED"
    assert (await done(client, "disputeChallenge", **asked))["replayed"]
    no = await refused(client, "disputeChallenge", disputeId=dispute_id, evidence="more")
    assert (no["code"], no["path"]) == ("DISPUTE_NOT_CHALLENGEABLE", ["input", "disputeId"])
    await everything_due(store, settings, clock)
    found = await shown(client, dispute_id)
    assert found["status"] == "DISPUTE_WON"
    assert [each["text"] for each in found["evidence"]] == ["winning_evidence"]
    assert (await done(client, "refundCreate", paymentId=payment_id, amount=1, idempotencyKey="r1"))["refund"]


async def test_a_dispute_that_is_accepted_is_final(
    client: Api, store: Store, settings: Settings, clock: ManualClock
) -> None:
    """PM52."""
    _, dispute_id = await disputed(client, store, settings, clock)
    accepted = await done(client, "disputeAccept", disputeId=dispute_id)
    assert accepted["dispute"]["status"] == "DISPUTE_ACCEPTED"
    no = await refused(client, "disputeAccept", disputeId=dispute_id)
    assert (no["code"], no["httpStatus"]) == ("TRANSITION_NOT_ALLOWED", 409)
    await everything_due(store, settings, clock)
    assert (await shown(client, dispute_id))["status"] == "DISPUTE_ACCEPTED"


async def test_an_inquiry_is_closed_by_a_refund(
    client: Api, store: Store, settings: Settings, clock: ManualClock
) -> None:
    """PM49, PM50 at stage pre_dispute."""
    payment_id, dispute_id = await disputed(client, store, settings, clock, "tok_createDisputeInquiry")
    assert (await shown(client, dispute_id))["stage"] == "PRE_DISPUTE"
    await done(client, "refundCreate", paymentId=payment_id, idempotencyKey="r1")
    assert (await shown(client, dispute_id))["status"] == "DISPUTE_CANCELLED"
    assert (await refused(client, "disputeAccept", disputeId=dispute_id))["code"] == "TRANSITION_NOT_ALLOWED"


async def test_a_deadline_counts_the_moment_it_passes(
    client: Api, store: Store, settings: Settings, clock: ManualClock
) -> None:
    """PM53: in the object, and in the filter, before any job has run."""
    _, dispute_id = await disputed(client, store, settings, clock)
    opened, expired = {"statuses": ["DISPUTE_OPENED"]}, {"statuses": ["DISPUTE_EXPIRED"]}
    assert (await listed(client, filter=opened), await listed(client, filter=expired)) == ([dispute_id], [])
    clock.advance(timedelta(days=4))
    assert (await shown(client, dispute_id))["status"] == "DISPUTE_EXPIRED"
    assert (await listed(client, filter=opened), await listed(client, filter=expired)) == ([], [dispute_id])
    no = await refused(client, "disputeChallenge", disputeId=dispute_id, evidence="too late")
    assert no["code"] == "DISPUTE_NOT_CHALLENGEABLE"


async def listed(client: Api, **given: Any) -> list[str]:
    found = (await client.execute(DISPUTES, **given))["disputes"]
    assert found["totalCount"] == len(found["nodes"])
    return [node["id"] for node in found["nodes"]]


def a_dispute(tx: Tx, stage: str = "dispute") -> tuple[Payment, Dispute]:
    from saifu.disputes import opening

    payment = a_payment(tx, processor="simulator")
    report = DisputeReport(f"dp_{payment.id}", payment.id, 6_000, "USD", stage, "fraudulent")
    opened = opening.apply(tx, "simulator", report, PAYMENT_RULES.wallet)
    assert opened is not None
    return payment, opened


async def test_lists_hold_what_is_asked_for(client: Api, store: Store) -> None:
    """PM59d."""
    payment, one = await store.write(a_dispute)
    _, two = await store.write(lambda tx: a_dispute(tx, "pre_dispute"))
    assert await listed(client) == [two.id, one.id]
    assert await listed(client, customerId=payment.customer_id) == [one.id]
    assert await listed(client, filter={"stages": ["PRE_DISPUTE"]}) == [two.id]
    assert await listed(client, filter={"paymentId": payment.id}) == [one.id]
    assert await listed(client, filter={"statuses": []}) == []
    assert await listed(client, filter={"createdAtGte": "2026-01-16T00:00:00Z"}) == []
    document = """query ($id: ID!) { payment(id: $id) {
      disputes(filter: {statuses: [DISPUTE_OPENED]}) { nodes { id } totalCount } } }"""
    found = (await client.execute(document, id=payment.id))["payment"]["disputes"]
    assert found == {"nodes": [{"id": one.id}], "totalCount": 1}
    node = await client.execute("query ($id: ID!) { node(id: $id) { __typename id } }", id=two.id)
    assert node["node"] == {"__typename": "Dispute", "id": two.id}


async def test_a_customer_sees_its_own_disputes_and_not_what_the_merchant_says(
    client: Api, store: Store, settings: Settings, clock: ManualClock
) -> None:
    """A41."""
    payment, one = await store.write(a_dispute)
    _, other = await store.write(a_dispute)
    _, token = await store.write(lambda tx: a_session(tx, str(payment.customer_id)))
    session = client.acting_as(token)
    assert await listed(session) == [one.id]
    assert await shown(session, other.id) is None
    await client.execute(
        'mutation ($id: ID!) { disputeChallenge(input: {disputeId: $id, evidence: "liar"}) { replayed } }',
        id=one.id,
    )
    assert [each["text"] for each in (await shown(client, one.id))["evidence"]] in (["liar"], [])
    assert (await shown(session, one.id))["evidence"] == []
    answer = await session.ask(
        "mutation ($id: ID!) { disputeAccept(input: {disputeId: $id}) { replayed } }", id=one.id
    )
    assert answer.code == "FORBIDDEN"


async def test_a_top_up_that_is_disputed_leaves_the_wallet(
    client: Api, store: Store, settings: Settings, clock: ManualClock
) -> None:
    """W66: what the wallet bears, and what it could not."""

    def spent(tx: Tx) -> Dispute:
        from saifu.disputes import opening
        from tests.builders import a_customer, post

        customer = a_customer(tx)
        payment = a_payment(
            tx, 6_000, customer_id=customer.id, purpose="wallet_top_up", processor="simulator"
        )
        post(tx, customer.id, -5_000)
        report = DisputeReport("dp_1", payment.id, 6_000, "USD", "dispute", "fraudulent")
        opened = opening.apply(tx, "simulator", report, PAYMENT_RULES.wallet)
        assert opened is not None
        return opened

    found = await shown(client, (await store.write(spent)).id)
    assert (found["walletAmount"], found["walletShortfall"]) == ({"amount": 1_000}, {"amount": 5_000})


async def test_what_is_not_there_is_refused(client: Api) -> None:
    for mutation, given in (("disputeAccept", {}), ("disputeChallenge", {"evidence": "x"})):
        no = await refused(client, mutation, disputeId="dsp_x", **given)
        assert (no["code"], no["path"]) == ("NOT_FOUND", ["input", "disputeId"])
    no = await refused(client, "disputeChallenge", disputeId="dsp_x", evidence="x" * 20_001)
    assert (no["code"], no["path"]) == ("INVALID_REQUEST_PARAMETERS", ["input", "evidence"])
