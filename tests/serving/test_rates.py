"""Rate limits (A63, S13): how often and how many at once, who counts for whom, and in bounded memory."""

import asyncio

import pytest

from saifu.gateway.admission import Crowd
from saifu.gateway.rates import Rate, Rates, address_of
from tests.serving.house import GOOD, Built, Clock

BAD = {"authorization": "Bearer bad"}
ONE_A_SECOND = Rate(per_s=1, burst=3)


def rates_of(credential: Rate | None, address: Rate | None = None, most: int = 100) -> tuple[Rates, Clock]:
    clock = Clock()
    return Rates(lambda _id: credential, address, clock, most), clock


def test_a_rest_fills_the_bucket_and_no_further():
    rates, clock = rates_of(ONE_A_SECOND)
    for _ in range(2):
        assert [rates.take("credential", "a") for _ in range(3)] == [None] * 3
        assert rates.take("credential", "a") == pytest.approx(1)
        clock.now_s += 1_000


def test_what_is_refused_takes_nothing_and_the_wait_is_exact():
    rates, clock = rates_of(ONE_A_SECOND)
    for _ in range(3):
        rates.take("credential", "a")
    waits = [rates.take("credential", "a") for _ in range(50)]
    assert waits == [pytest.approx(1)] * 50
    clock.now_s += 0.999
    assert rates.take("credential", "a") == pytest.approx(0.001)
    clock.now_s += 0.001
    assert rates.take("credential", "a") is None


def test_everybody_has_a_bucket_and_none_is_unlimited():
    rates, _ = rates_of(ONE_A_SECOND)
    assert [rates.take("credential", str(name)) for name in range(50)] == [None] * 50
    assert [rates.take("address", "x") for _ in range(50)] == [None] * 50
    assert rates.wait("address", "x") is None


def test_what_costs_more_takes_more_and_never_waits_for_ever():
    rates, clock = rates_of(ONE_A_SECOND)
    assert rates.take("credential", "a", cost=10) is None
    assert rates.take("credential", "a", cost=1) == pytest.approx(8)
    clock.now_s += 8
    assert rates.take("credential", "a", cost=1) is None


def test_looking_takes_nothing():
    rates, _ = rates_of(None, ONE_A_SECOND)
    for _ in range(3):
        assert [rates.wait("address", "a") for _ in range(5)] == [None] * 5
        rates.take("address", "a")
    assert rates.wait("address", "a") == pytest.approx(1)


def test_a_flood_of_addresses_takes_bounded_memory_and_frees_nobody_who_was_just_here():
    rates, _ = rates_of(ONE_A_SECOND, ONE_A_SECOND, most=100)
    for _ in range(3):
        rates.take("credential", "ours")
    for number in range(10_000):
        rates.take("address", str(number))
        assert len(rates._full_at["address"]) <= 100
    for _ in range(3):
        rates.take("address", "last")
    assert rates.take("address", "last") is not None
    assert rates.take("credential", "ours") is not None, "kinds do not push each other out"


def test_buckets_that_are_full_again_are_forgotten_first():
    rates, clock = rates_of(None, ONE_A_SECOND, most=4)
    for name in "abc":
        rates.take("address", name)
    clock.now_s += 10
    for _ in range(3):
        rates.take("address", "busy")
    for name in "de":
        rates.take("address", name)
    assert set(rates._full_at["address"]) == {"busy", "d", "e"}


@pytest.mark.parametrize(
    ("host", "counts_for"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("unix", "unix"),
        ("192.0.2.1:4711", "192.0.2.1:4711"),
        ("a:b", "a:b"),
    ],
)
def test_whoever_has_one_address_of_ipv6_has_all_of_its_network(host, counts_for):
    assert address_of(host) == counts_for


async def test_a_credential_that_asks_too_often_is_told_when_to_come_back():
    """A63: 429 with `Retry-After`, in whole seconds, and more exactly in the error."""
    house = Built(per_credential=lambda _id: Rate(per_s=0.4, burst=2))
    for _ in range(2):
        assert (await house.ask("{ maybe }")).status_code == 200
    refused = await house.ask("mutation { bump }")
    assert refused.status_code == 429
    assert refused.headers["retry-after"] == "3"
    extensions = refused.json()["errors"][0]["extensions"]
    assert extensions == {"code": "RATE_LIMITED", "httpStatus": 429, "retryAfterS": 2.5}
    assert house.host.bumped == 0
    other = await house.ask("{ maybe }", headers={"authorization": f"{GOOD}-other"})
    assert other.status_code == 200
    house.clock.now_s += 2.5
    assert (await house.ask("mutation { bump }")).json()["data"] == {"bump": 1}


async def test_guessing_keys_is_limited_by_address_and_the_house_is_not_even_asked():
    house = Built(per_address=Rate(per_s=1, burst=3))
    assert [(await house.ask("{ maybe }", headers=BAD)).status_code for _ in range(4)] == [401, 401, 401, 429]
    asked = len(house.host.admitted)
    assert (await house.ask("{ maybe }", headers={"authorization": "Bearer another"})).status_code == 429
    assert len(house.host.admitted) == asked
    elsewhere = await house.ask("{ maybe }", headers=BAD, client=("192.0.2.2", 1))
    assert elsewhere.status_code == 401
    house.clock.now_s += 1
    assert (await house.ask("{ maybe }", headers=BAD)).status_code == 401


async def test_who_shares_an_address_with_a_guesser_goes_on():
    """Behind a proxy that is not told of, all the world has one address."""
    house = Built(per_address=Rate(per_s=1, burst=3))
    assert (await house.ask("{ maybe }")).status_code == 200
    for _ in range(5):
        await house.ask("{ maybe }", headers=BAD)
    assert (await house.ask("{ maybe }")).status_code == 200
    unseen = await house.ask("{ maybe }", headers={"authorization": f"{GOOD}-unseen"})
    assert unseen.status_code == 429


async def test_good_credentials_do_not_use_up_their_address():
    house = Built(per_address=Rate(per_s=1, burst=3))
    assert {(await house.ask("{ maybe }")).status_code for _ in range(20)} == {200}


async def test_an_address_that_is_only_claimed_counts_for_nothing():
    """`X-Forwarded-For` is read by the server, from proxies that are trusted, or not at all."""
    house = Built(per_address=Rate(per_s=1, burst=1))
    statuses = [
        (await house.ask("{ maybe }", headers=BAD | {"x-forwarded-for": f"198.51.100.{n}"})).status_code
        for n in range(3)
    ]
    assert statuses == [401, 429, 429]


async def test_operations_at_once_are_bounded_and_money_still_moves_in_a_flood_of_reads():
    """S13: a fifth is kept for mutations; and what was refused can be sent again."""
    house = Built(crowd=Crowd(in_all=5, per_credential=100))
    slow = [asyncio.create_task(house.ask("{ slow }")) for _ in range(4)]
    while len(house.host.admitted) < 4:
        await asyncio.sleep(0)
    refused = await house.ask("{ maybe }")
    assert refused.status_code == 429
    assert refused.headers["retry-after"] == "1"
    assert (await house.ask("mutation { bump }")).json()["data"] == {"bump": 1}
    house.host.go_on.set()
    assert {answer.status_code for answer in await asyncio.gather(*slow)} == {200}
    assert (await house.ask("{ maybe }")).status_code == 200


async def test_one_credential_does_not_take_all_the_places():
    house = Built(crowd=Crowd(in_all=100, per_credential=2))
    slow = [asyncio.create_task(house.ask("{ slow }")) for _ in range(2)]
    while len(house.host.admitted) < 2:
        await asyncio.sleep(0)
    assert (await house.ask("mutation { bump }")).status_code == 429
    assert (await house.ask("{ maybe }", headers={"authorization": f"{GOOD}-other"})).status_code == 200
    house.host.go_on.set()
    await asyncio.gather(*slow)
    assert (await house.ask("mutation { bump }")).status_code == 200
