"""Every published card does what payments.md §9 says: tokenised, attached, charged with and without its customer."""

from datetime import timedelta
from itertools import product

import pytest

from saifu.processors.contract import ChargeState
from saifu.processors.declines import DeclineCode
from saifu.processors.simulator import Simulator
from saifu.processors.simulator.cards import BY_ALIAS, BY_NUMBER
from saifu.refusals import Declined, ErrorCode, Refusal
from tests.simulated import CUSTOMER, Till, a_card

pytestmark = pytest.mark.either_engine

OK, ASKED, NOT_THERE = "ok", "asked", "AUTHENTICATION_REQUIRED"
# number: brand, funding, attach, charge on-session, charge off-session. Written from the specification, not the code.
TABLE = {
    "4242424242424242": ("visa", "credit", OK, OK, OK),
    "4111111111111111": ("visa", "credit", OK, OK, OK),
    "4000056655665556": ("visa", "debit", OK, OK, OK),
    "5555555555554444": ("mastercard", "credit", OK, OK, OK),
    "5200828282828210": ("mastercard", "debit", OK, OK, OK),
    "5105105105105100": ("mastercard", "prepaid", OK, OK, OK),
    "378282246310005": ("amex", "credit", OK, OK, OK),
    "6011111111111117": ("discover", "credit", OK, OK, OK),
    "3056930009020004": ("diners", "credit", OK, OK, OK),
    "3566002020360505": ("jcb", "credit", OK, OK, OK),
    "6200000000000005": ("unionpay", "credit", OK, OK, OK),
    "4576238912771450": ("visa", "credit", OK, OK, OK),
    "5409162669381034": ("mastercard", "credit", OK, OK, OK),
    "6074825972083818": ("rupay", "credit", OK, OK, OK),
    "4000000000000002": ("visa", "credit", *["GENERIC_DECLINE"] * 3),
    "4706131211212123": ("visa", "credit", *["GENERIC_DECLINE"] * 3),
    "4000000000009995": ("visa", "credit", *["INSUFFICIENT_FUNDS"] * 3),
    "4000000000009987": ("visa", "credit", *["LOST_CARD"] * 3),
    "4000000000009979": ("visa", "credit", *["STOLEN_CARD"] * 3),
    "4000000000000069": ("visa", "credit", *["EXPIRED_CARD"] * 3),
    "4000000000000127": ("visa", "credit", *["INCORRECT_CVC"] * 3),
    "4000000000000119": ("visa", "credit", *["PROCESSING_ERROR"] * 3),
    "4000000000006975": ("visa", "credit", *["CARD_VELOCITY_EXCEEDED"] * 3),
    "4100000000000019": ("visa", "credit", *["FRAUDULENT"] * 3),
    "4000000000000341": ("visa", "credit", OK, "GENERIC_DECLINE", "GENERIC_DECLINE"),
    "4000002500003155": ("visa", "credit", OK, ASKED, NOT_THERE),
    "4000002760003184": ("visa", "credit", OK, ASKED, NOT_THERE),
    "4000003800000446": ("visa", "credit", OK, ASKED, OK),
    "4000008260003178": ("visa", "credit", OK, ASKED, NOT_THERE),
    "4000008400001629": ("visa", "credit", OK, ASKED, NOT_THERE),
    "4000000000003220": ("visa", "credit", OK, ASKED, NOT_THERE),
    "4000000000000259": ("visa", "credit", OK, OK, OK),
    "4000000000002685": ("visa", "credit", OK, OK, OK),
    "4000000000001976": ("visa", "credit", OK, OK, OK),
    "4000000000007726": ("visa", "credit", OK, OK, OK),
    "4000000000005126": ("visa", "credit", OK, OK, OK),
}
IN_INDIA = {"4576238912771450", "5409162669381034", "6074825972083818", "4706131211212123"}


@pytest.fixture
def till(store, clock):
    return Till(Simulator(store), clock)


def said(answer):
    """An answer in the words of the table."""
    states = {ChargeState.SUCCEEDED: OK, ChargeState.ACTION_REQUIRED: ASKED}
    return states.get(answer.state) or answer.code


def test_the_table_here_and_the_table_there_have_the_same_numbers():
    assert TABLE.keys() == BY_NUMBER.keys()


@pytest.mark.parametrize("number", TABLE)
async def test_a_published_card_does_what_the_table_says(till, number):
    """PM91, §9."""
    brand, funding, attach, *charges = TABLE[number]
    token = await till.simulator.tokenise(a_card(number, name="Asha Rao"))
    made = await till.simulator.instrument(token, "src_1")
    assert (made.detail["brand"], made.detail["funding"]) == (brand, funding)
    assert made.detail["last4"] == number[-4:]
    assert (made.detail["exp_month"], made.detail["exp_year"], made.detail["name"]) == (6, 2032, "Asha Rao")
    assert (made.detail["country"] == "IN") == (number in IN_INDIA)
    assert number not in repr(made)
    checked = await till.simulator.attach(made.ref, CUSTOMER, "attach_1")
    assert (checked.decline or OK) == attach
    for on_session, comes_to in zip((True, False), charges, strict=True):
        assert said(await till.charge(made.ref, on_session=on_session)) == comes_to


@pytest.mark.parametrize("alias", sorted(BY_ALIAS))
async def test_an_alias_is_the_card_it_names_and_is_never_used_up(till, alias):
    """§9: aliases are always usable, and have the fingerprint of their card (SR93)."""
    first, second = [await till.simulator.instrument(alias, reference) for reference in ("src_1", "src_2")]
    typed = await till.simulator.tokenise(a_card(BY_ALIAS[alias].number))
    assert first.ref != second.ref
    assert first.fingerprint == second.fingerprint
    assert (await till.simulator.instrument(typed, "src_3")).fingerprint == first.fingerprint
    assert first.detail["last4"] == BY_ALIAS[alias].last4


async def test_fingerprints_differ_between_cards_and_between_installations(store, clock):
    """SR93: 96 bits or more, keyed by the installation."""
    one, other = Simulator(store, secret=b"one" * 11), Simulator(store, secret=b"two" * 11)
    prints = {
        (await each.instrument(alias, f"src_{n}")).fingerprint
        for n, (each, alias) in enumerate(product((one, other), ("tok_visa", "tok_mastercard")))
    }
    assert len(prints) == 4
    assert all(each and len(each) * 4 >= 96 for each in prints)


async def test_the_secret_is_made_once_and_kept(store):
    """SR93: stable for an installation, so that two processes find the same duplicates."""
    houses = [await Simulator(store).start() for _ in range(2)]
    assert houses[0] == houses[1]


async def test_a_billing_address_in_india_is_declined_for_the_prepaid_card(till):
    """§12."""
    ref = await till.instrument("5105105105105100")
    assert (await till.charge(ref, billing_country="IN")).code is DeclineCode.GENERIC_DECLINE
    assert said(await till.charge(ref, billing_country="US")) == OK


async def test_a_card_is_charged_in_its_last_month_and_declined_after_it(till):
    """SR65."""
    ref = await till.instrument(exp_month=1, exp_year=2026)
    assert said(await till.charge(ref)) == OK
    till.clock.advance(timedelta(days=17))
    assert (await till.charge(ref)).code is DeclineCode.EXPIRED_CARD
    assert (await till.simulator.attach(ref, CUSTOMER, "attach_1")).decline is DeclineCode.EXPIRED_CARD


@pytest.mark.parametrize(
    ("details", "code"),
    [
        ({"number": "4242424242424241"}, "INCORRECT_NUMBER"),
        ({"number": "4242"}, "INCORRECT_NUMBER"),
        ({"number": ""}, "INCORRECT_NUMBER"),
        ({"number": "٤٢٤٢٤٢٤٢٤٢٤٢٤٢٤٢"}, "INCORRECT_NUMBER"),
        ({"exp_month": 12, "exp_year": 2025}, "INVALID_EXPIRY_YEAR"),
        ({"exp_month": 12, "exp_year": 25}, "INVALID_EXPIRY_YEAR"),
        ({"exp_year": 9999}, "INVALID_EXPIRY_YEAR"),
        ({"cvc": "12"}, "INVALID_CVC"),
        ({"cvc": "1234"}, "INVALID_CVC"),
        ({"cvc": "١٢٣"}, "INVALID_CVC"),
        ({"number": "378282246310005", "cvc": "123"}, "INVALID_CVC"),
    ],
)
async def test_what_a_bank_would_refuse_at_once_is_a_decline(till, details, code):
    """PM92."""
    with pytest.raises(Declined) as no:
        await till.simulator.tokenise(a_card(**{"number": "4242424242424242", **details}))
    assert no.value.decline_code == code


@pytest.mark.parametrize(
    ("details", "code"),
    [
        ({"number": "4012888888881881"}, ErrorCode.TEST_CARD_REQUIRED),
        ({"number": "5425233430109903"}, ErrorCode.TEST_CARD_REQUIRED),
        ({"exp_month": 0}, ErrorCode.INVALID_REQUEST_PARAMETERS),
        ({"exp_month": 13}, ErrorCode.INVALID_REQUEST_PARAMETERS),
        ({"country": "Germany"}, ErrorCode.INVALID_REQUEST_PARAMETERS),
        ({"name": "4242 4242 4242 4242"}, ErrorCode.INVALID_REQUEST_PARAMETERS),
        ({"name": "n" * 256}, ErrorCode.INVALID_REQUEST_PARAMETERS),
    ],
)
async def test_a_card_that_might_be_real_is_not_taken(till, details, code):
    """PM91, SR95: TEST_CARD_REQUIRED; and what is no card at all (PM92)."""
    with pytest.raises(Refusal) as no:
        await till.simulator.tokenise(a_card(**{"number": "4242424242424242", **details}))
    assert no.value.code is code
    assert "4012" not in repr(no.value)


async def test_a_number_may_be_typed_in_groups(till):
    made = await till.simulator.instrument(
        await till.simulator.tokenise(a_card("4242 4242-4242 4242")), "src_1"
    )
    assert made.detail["last4"] == "4242"


async def test_a_token_is_used_once_and_within_the_hour(till):
    """SR23: TOKEN_ALREADY_USED, TOKEN_EXPIRED; whoever used it may ask again."""
    used, old = [await till.simulator.tokenise(a_card()) for _ in range(2)]
    first = await till.simulator.instrument(used, "src_1")
    with pytest.raises(Refusal) as no:
        await till.simulator.instrument(used, "src_2")
    assert no.value.code is ErrorCode.TOKEN_ALREADY_USED
    till.clock.advance(timedelta(minutes=60))
    with pytest.raises(Refusal) as no:
        await till.simulator.instrument(old, "src_2")
    assert no.value.code is ErrorCode.TOKEN_EXPIRED
    assert await till.simulator.instrument(used, "src_1") == first
