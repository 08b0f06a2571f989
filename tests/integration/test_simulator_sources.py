"""Sources without a token: bank debits, redirects, transfers and codes (sources.md §2, §4; payments.md §9, PM93)."""

import pytest

from saifu.processors.contract import ChargeState
from saifu.processors.declines import DeclineCode
from saifu.processors.simulator import Simulator
from saifu.processors.simulator.accounts import VERIFICATION_CODE
from saifu.processors.simulator.approvals import Reply
from saifu.processors.simulator.sources import SECONDS
from saifu.refusals import Declined, ErrorCode, Refusal
from tests.simulated import CUSTOMER, Till

pytestmark = pytest.mark.either_engine

INDIA = {"name": "Asha Rao", "email": "asha@example.com", "address": {"country": "IN"}}
GOOD, BAD = ChargeState.SUCCEEDED, ChargeState.DECLINED


@pytest.fixture
def till(store, clock):
    return Till(Simulator(store), clock)


async def sepa(till, iban, reference="src_1"):
    return await till.source("sepa_debit", reference=reference, currency="EUR", given={"iban": iban})


@pytest.mark.parametrize(
    ("iban", "ends", "after_s", "is_disputed"),
    [
        ("DE89370400440532013000", GOOD, 5, False),
        ("AT611904300234573201", GOOD, 5, False),
        ("DE62370400440532013001", BAD, 5, False),
        ("AT861904300235473202", BAD, 5, False),
        ("DE08370400440532013003", GOOD, 180, False),
        ("DE78370400440532013004", BAD, 180, False),
        ("DE35370400440532013002", GOOD, 5, True),
        ("AT591904300235473203", GOOD, 5, True),
    ],
)
async def test_every_published_iban_does_what_the_table_says(till, iban, ends, after_s, is_disputed):
    """§9, PM57: asynchronous, on the clock; a SEPA dispute opens at once and is lost as it opens."""
    source = await sepa(till, iban)
    assert source.detail == {
        "country": iban[:2],
        "bank_code": {"DE": "37040044", "AT": "19043"}[iban[:2]],
        "last4": iban[-4:],
    }
    assert (await till.charge(source.ref, "pay_1", currency="EUR")).state is ChargeState.PROCESSING
    assert await till.state("pay_1", after_s - 1) is ChargeState.PROCESSING
    assert await till.state("pay_1", 1) is ends
    disputes = [each for each in await sent(till) if each.kind == "dispute"]
    assert bool(disputes) == is_disputed
    for dispute in disputes:
        report = await till.simulator.look_up_dispute(dispute.processor_ref)
        assert (report.outcome, report.stage, report.respond_by) == ("lost", "dispute", None)
        with pytest.raises(Refusal) as no:
            await till.simulator.submit_evidence(dispute.processor_ref, "winning_evidence")
        assert no.value.code is ErrorCode.DISPUTE_NOT_CHALLENGEABLE


async def sent(till):
    """What the simulator says by now."""
    now = till.clock.now()
    due = await till.simulator.due_callbacks(now)
    return [said for each in due for said in till.simulator.callbacks(each.headers, each.body, now)]


async def test_the_same_iban_has_the_same_fingerprint_and_is_kept_nowhere(till, store):
    """SR93, SR94."""
    one = await sepa(till, "DE89370400440532013000")
    other = await sepa(till, "de89 3704 0044 0532 0130 00", "src_2")
    assert one.ref != other.ref
    assert one.fingerprint == other.fingerprint
    assert "532013000" not in repr([one, other])


@pytest.mark.parametrize(
    "iban", ["DE89370400440532013009", "DE8937040044053201300", "XX00", "", "DE89 3704 0044 é"]
)
async def test_an_iban_that_is_none_is_refused(till, iban):
    """SR24: INVALID_BANK_ACCOUNT_IBAN by mod-97 and by length."""
    with pytest.raises(Refusal) as no:
        await sepa(till, iban)
    assert no.value.code is ErrorCode.INVALID_BANK_ACCOUNT_IBAN


@pytest.mark.parametrize(
    ("type", "given", "currency"),
    [
        ("sepa_debit", {"iban": "GB82WEST12345698765432"}, "EUR"),
        ("ach_debit", {"account_number": "000987654321"}, "USD"),
    ],
)
async def test_an_account_that_might_be_real_is_not_taken(till, type, given, currency):
    """PM91: TEST_CARD_REQUIRED for whatever is not published."""
    with pytest.raises(Refusal) as no:
        await till.source(type, given=given, currency=currency)
    assert no.value.code is ErrorCode.TEST_CARD_REQUIRED


@pytest.mark.parametrize(
    ("type", "currency"), [("sepa_debit", "USD"), ("ideal", "USD"), ("ach_debit", "EUR"), ("upi", "USD")]
)
async def test_a_source_has_the_currency_of_its_type(till, type, currency):
    """§2: UNSUPPORTED_PAYMENT_CURRENCY."""
    with pytest.raises(Refusal) as no:
        await till.source(type, currency=currency, owner=INDIA)
    assert no.value.code is ErrorCode.UNSUPPORTED_PAYMENT_CURRENCY


async def ideal(till, email="asha@example.com"):
    return await till.source(
        "ideal",
        amount_minor=10_00,
        currency="EUR",
        owner={"name": "Asha Rao", "email": email},
        return_url="https://shop.example/back?source=src_1",
    )


async def status(till, ref):
    report = await till.simulator.look_up_source(ref)
    return (report.status, report.failure_reason)


@pytest.mark.parametrize(
    ("reply", "stands"),
    [
        (Reply.AUTHORISE, ("chargeable", None)),
        (Reply.DECLINE, ("failed", "declined")),
        (Reply.CLOSE, ("failed", "user_abort")),
    ],
)
async def test_a_redirect_source_is_what_its_customer_answers_once(till, reply, stands):
    """PM93, SR3, SR4."""
    source = await ideal(till)
    assert await status(till, source.ref) == ("pending", None)
    assert (await till.charge(source.ref, currency="EUR")).state is BAD
    token = source.redirect_url.rpartition("/")[2]
    for given in (reply, Reply.DECLINE, Reply.AUTHORISE):
        await till.simulator.reply(token, given)
        assert await status(till, source.ref) == stands
    assert [each.kind for each in await sent(till) if each.reference == "src_1"] == ["source"]
    charged = await till.charge(source.ref, currency="EUR")
    assert charged.state is (GOOD if reply is Reply.AUTHORISE else BAD)


async def test_an_owner_of_that_name_authorises_by_itself(till):
    """PM93: `…_chargeable@example.com`, within seconds."""
    source = await ideal(till, "asha_chargeable@example.com")
    assert await status(till, source.ref) == ("pending", None)
    till.clock.advance(SECONDS)
    assert await status(till, source.ref) == ("chargeable", None)
    assert [each.processor_ref for each in await sent(till)] == [source.ref]


async def test_the_same_reference_is_the_same_source(till):
    one, again = await ideal(till), await ideal(till)
    assert one == again


@pytest.mark.parametrize(
    ("vpa", "ends", "code"),
    [("success@upi", GOOD, None), ("Failure@UPI", BAD, DeclineCode.TRANSACTION_NOT_APPROVED)],
)
async def test_upi_is_approved_in_the_app_and_then_takes_its_time(till, vpa, ends, code):
    """§9."""
    source = await till.source(
        "upi", amount_minor=10_00, currency="INR", owner=INDIA, given={"vpa": vpa}, return_url=None
    )
    assert vpa.lower() not in repr(source)
    await till.simulator.reply(source.redirect_url.rpartition("/")[2], Reply.AUTHORISE)
    assert (await till.charge(source.ref, "pay_1", currency="INR")).state is ChargeState.PROCESSING
    assert await till.state("pay_1", 5) is ends
    assert (await till.simulator.look_up("pay_1")).code is code


async def test_a_upi_id_that_is_not_there_is_declined(till):
    with pytest.raises(Declined) as no:
        await till.source("upi", currency="INR", owner=INDIA, given={"vpa": "nobody@upi"})
    assert no.value.decline_code == "INVALID_UPI_ID"


@pytest.mark.parametrize("owner", [{}, {"address": None}, {"address": {"country": "DE"}}])
async def test_upi_is_for_customers_in_india(till, owner):
    """§9: country IN and INR; PAYMENT_METHOD_UNSUPPORTED."""
    with pytest.raises(Refusal) as no:
        await till.source("upi", currency="INR", owner=owner, given={"vpa": "success@upi"})
    assert no.value.code is ErrorCode.PAYMENT_METHOD_UNSUPPORTED


@pytest.mark.parametrize("code", [VERIFICATION_CODE, "32/45", "3245", " 32 45 "])
async def test_a_us_account_is_verified_by_the_two_amounts(till, code):
    """SR26."""
    source = await till.source("ach_debit", currency="USD", given={"account_number": "000123456789"})
    assert await status(till, source.ref) == ("pending", None)
    assert not await till.simulator.verify(source.ref, "11-11")
    assert await status(till, source.ref) == ("pending", None)
    assert await till.simulator.verify(source.ref, code)
    assert await status(till, source.ref) == ("chargeable", None)
    assert (await till.simulator.attach(source.ref, CUSTOMER, "attach_1")).decline is None


@pytest.mark.parametrize(
    ("account", "code"),
    [
        ("000123456789", None),
        ("000222222227", DeclineCode.INSUFFICIENT_FUNDS),
        ("000111111113", DeclineCode.INVALID_ACCOUNT),
    ],
)
async def test_a_us_account_is_debited_later(till, account, code):
    source = await till.source("ach_debit", given={"account_number": account})
    await till.simulator.verify(source.ref, VERIFICATION_CODE)
    await till.charge(source.ref, "pay_1")
    assert await till.state("pay_1", 5) is (BAD if code else GOOD)
    assert (await till.simulator.look_up("pay_1")).code is code


@pytest.mark.parametrize(
    ("email", "arrives_minor"),
    [("asha_chargeable@example.com", 100_000), ("asha_4242_chargeable@example.com", 4242)],
)
async def test_a_transfer_arrives_by_itself_for_an_owner_of_that_name(till, email, arrives_minor):
    source = await till.source("ach_credit_transfer", currency="USD", owner={"email": email})
    assert source.receiver_address.startswith("110000000-")
    till.clock.advance(SECONDS)
    report = await till.simulator.look_up_source(source.ref)
    assert (report.status, report.amount_received_minor) == ("chargeable", arrives_minor)
    assert (await till.charge(source.ref)).state is GOOD


async def test_a_transfer_waits_until_money_arrives(till):
    source = await till.source("ach_credit_transfer", currency="USD")
    assert (await till.simulator.look_up_source(source.ref)).amount_received_minor is None
    await till.simulator.receive_transfer(source.ref, 25_00)
    await till.simulator.receive_transfer(source.ref, 5_00)
    report = await till.simulator.look_up_source(source.ref)
    assert (report.status, report.amount_received_minor) == ("chargeable", 30_00)


async def test_what_is_not_there_is_not_found(till):
    for ask in (
        till.simulator.verify("sim_src_none", "32-45"),
        till.simulator.receive_transfer("sim_src_none", 1),
        till.simulator.attach("sim_src_none", CUSTOMER, "attach_1"),
    ):
        with pytest.raises(Refusal) as no:
            await ask
        assert no.value.code is ErrorCode.NOT_FOUND
