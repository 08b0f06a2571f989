"""What a customer's own frontend may do with sources: its own customer's, both ways (A41, CU77)."""

from dataclasses import dataclass

import pytest

from saifu.store import Store
from tests.api.mutations import a_new_customer, done, refused
from tests.api.test_sources import a_card, attached, held
from tests.builders import a_session
from tests.client import Api


@dataclass(frozen=True)
class Two:
    """A session of `own`, beside a customer that it must not see; both have a card."""

    session: Api
    own: str
    other: str
    mine: str
    theirs: str


@pytest.fixture
async def two(client: Api, store: Store) -> Two:
    own, other = await a_new_customer(client), await a_new_customer(client, email="o@example.com")
    mine, theirs = (await attached(client, own))["id"], (await attached(client, other))["id"]
    _, token = await store.write(lambda tx: a_session(tx, own))
    return Two(client.acting_as(token), own, other, mine, theirs)


async def test_it_adds_chooses_and_removes_its_own(two: Two) -> None:
    """CU77: add, set default, remove."""
    added = await attached(two.session, two.own, "tok_mastercard")
    assert await held(two.session, two.own) == ([added["id"], two.mine], two.mine)
    chosen = await attached(two.session, two.own, "tok_amex", makeDefault=True)
    assert (await held(two.session, two.own))[1] == chosen["id"]
    await attached(two.session, two.own, two.mine, makeDefault=True)
    assert (await held(two.session, two.own))[1] == two.mine
    await done(two.session, "sourceDetach", customerId=two.own, sourceId=chosen["id"])
    assert await held(two.session, two.own) == ([added["id"], two.mine], two.mine)


async def test_it_touches_nothing_of_anybody_else(two: Two, client: Api) -> None:
    """A41: not another customer, not another's source, and none that is nobody's."""
    loose = await a_card(client)
    for mutation, given in (
        ("sourceAttach", {"customerId": two.other, "source": "tok_visa"}),
        ("sourceAttach", {"customerId": two.own, "source": two.theirs}),
        ("sourceAttach", {"customerId": two.own, "source": loose}),
        ("sourceDetach", {"customerId": two.other, "sourceId": two.theirs}),
        ("sourceDetach", {"customerId": two.own, "sourceId": two.theirs}),
        ("sourceDetach", {"customerId": two.own, "sourceId": loose}),
    ):
        assert (await refused(two.session, mutation, **given))["code"] == "NOT_FOUND"
    assert await held(client, two.other) == ([two.theirs], two.theirs)


async def test_it_sees_its_own_also_when_it_is_gone(two: Two, client: Api) -> None:
    """SR56, SR57: by id and as a node; nothing of others, and nothing that is nobody's."""
    loose = await a_card(client)
    await done(client, "sourceDetach", customerId=two.own, sourceId=two.mine)
    ask = "query ($id: ID!) { source(id: $id) { id status } node(id: $id) { id } }"
    own = await two.session.execute(ask, id=two.mine)
    assert own == {"source": {"id": two.mine, "status": "CONSUMED"}, "node": {"id": two.mine}}
    for hidden in (two.theirs, loose, "src_nobody"):
        assert await two.session.execute(ask, id=hidden) == {"source": None, "node": None}


@pytest.mark.parametrize("mutation", ["sourceCreate", "sourceUpdate", "sourceVerify"])
async def test_what_is_the_businesss_is_forbidden(two: Two, mutation: str) -> None:
    """CU78: metadata and owners are the business's."""
    given = {
        "sourceCreate": '{type: CARD, token: "tok_visa"}',
        "sourceUpdate": f'{{sourceId: "{two.mine}", metadata: {{}}}}',
        "sourceVerify": f'{{sourceId: "{two.mine}", code: "1"}}',
    }[mutation]
    answer = await two.session.ask(f"mutation {{ {mutation}(input: {given}) {{ replayed }} }}")
    assert answer.code == "FORBIDDEN"


@pytest.mark.parametrize("token", ["tok_visa_chargeDeclinedStolenCard", "tok_chargeDeclinedFraudulent"])
async def test_what_would_help_a_thief_is_not_said_when_a_card_is_added(
    two: Two, client: Api, token: str
) -> None:
    """PM32, SR35: a stolen card is declined as any other is; the merchant reads why."""
    given = {"customerId": two.own, "source": token}
    told, known = (
        await refused(two.session, "sourceAttach", **given),
        await refused(client, "sourceAttach", **given),
    )
    assert (told["declineCode"], told["userMessage"]) == ("GENERIC_DECLINE", known["userMessage"])
    assert known["declineCode"] in {"STOLEN_CARD", "FRAUDULENT"}
    soft = await refused(
        two.session, "sourceAttach", customerId=two.own, source="tok_chargeDeclinedExpiredCard"
    )
    assert soft["declineCode"] == "EXPIRED_CARD"


async def test_its_keys_are_its_own_and_use_up_nobody_elses(two: Two, client: Api) -> None:
    """A27, A31: neither does it learn which keys there are, nor can it keep the merchant from charging with one."""
    for key in ("order-1", "order-2"):
        given = {"customerId": two.own, "source": "tok_mastercard", "idempotencyKey": key}
        assert not (await done(two.session, "sourceAttach", **given))["replayed"]
        assert (await done(two.session, "sourceAttach", **given))["replayed"]
    charge = {"customerId": two.other, "currency": "USD", "amount": 500}
    for key in ("order-1", "order-3"):
        assert not (await done(client, "paymentCreate", idempotencyKey=key, **charge))["replayed"]
    gone = await done(
        two.session, "sourceDetach", customerId=two.own, sourceId=two.mine, idempotencyKey="order-3"
    )
    assert not gone["replayed"]
    again = {**given, "source": "tok_amex"}
    assert (await refused(two.session, "sourceAttach", **again))["code"] == "IDEMPOTENCY_KEY_REUSED"
    too_long = await refused(two.session, "sourceAttach", **{**given, "idempotencyKey": "k" * 513})
    assert too_long["code"] == "INVALID_REQUEST_PARAMETERS"
