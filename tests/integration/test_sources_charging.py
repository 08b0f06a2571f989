"""Which source a charge may use, and what becomes of it (SR6-SR8, SR14-SR16, SR53, SR60-SR69, SR83)."""

import asyncio
from datetime import timedelta
from typing import Any

import orjson
import pytest
from sqlmodel import col, select

from saifu import locks
from saifu.clock import ManualClock
from saifu.payments.rules import PaymentRules
from saifu.processors.contract import Instrument, SourceReport
from saifu.refusals import ErrorCode, Refusal
from saifu.sources import attaching, charging, completing, mandates, rows, velocity
from saifu.store import Store, Tx
from saifu.tables import Event, Source
from tests.builders import RULES, a_customer

PAYMENT_RULES = PaymentRules(
    wallet=RULES,
    mode="test",
    business_id="biz_1",
    business_name="Shop",
    business_contact="shop@example.com",
    minimums={},
    refund_window_days=180,
    invoice_number_prefix="INV",
)
CARD = {"brand": "visa", "last4": "4242", "exp_year": 2030, "exp_month": 12}
MANDATE = {
    "reference": "SAIFU-1",
    "url": None,
    "amount": None,
    "currency": "EUR",
    "interval": "variable",
    "notification_method": "none",
    "acceptance": {"status": "accepted", "type": "online", "date": None},
    "used_by": None,
}


def a_source(tx: Tx, **columns: Any) -> Source:
    """An unattached, chargeable, reusable card, but for what is given."""
    made = Instrument("pm_1", columns.get("type", "card"), CARD, fingerprint="fp_1")
    source = charging.from_instrument(tx, made, "simulator", None)
    plain = {name: value for name, value in columns.items() if name not in ("type", "usage")}
    return rows.save(tx, source, plain) if plain else source


def attached(tx: Tx, customer_id: str, **columns: Any) -> Source:
    source = a_source(tx, **columns)
    return attaching.attach_in(tx, locks.lock(tx, customer_id), source)


def with_mandate(**changes: Any) -> str:
    return orjson.dumps({**MANDATE, **changes}).decode()


async def asked(
    store: Store, customer_id: str | None, source_id: str | None, amount: int = 1099, currency: str = "EUR"
) -> Any:
    """The source that a charge would use, or the code of the refusal."""

    def ask(tx: Tx) -> Source:
        customer = locks.lock(tx, customer_id) if customer_id else None
        return charging.eligible(tx, customer, source_id, amount, currency)

    try:
        return (await store.write(ask)).id
    except Refusal as refusal:
        return refusal.code


async def status(store: Store, source_id: str) -> str:
    found = await store.read(lambda tx: rows.get(tx, source_id))
    assert found is not None
    return found.status


async def test_the_matrix(store: Store) -> None:
    """SR60a-SR60h and SR53; SR64 is the payment's, which alone knows of tokens."""
    a, b, c = [(await store.write(a_customer)).id for _ in range(3)]
    loose = (await store.write(a_source)).id
    of_a = (await store.write(lambda tx: attached(tx, a))).id
    of_b = (await store.write(lambda tx: attached(tx, b))).id
    assert await asked(store, None, loose) == loose  # SR60a
    assert await asked(store, None, of_a) is ErrorCode.SOURCE_REQUIRES_CUSTOMER  # SR60b
    assert await asked(store, a, None) == of_a  # SR60d
    assert await asked(store, a, of_a) == of_a  # SR60e
    assert await asked(store, a, of_b) is ErrorCode.SOURCE_CUSTOMER_MISMATCH  # SR60f
    assert await asked(store, a, loose) == loose  # SR60g
    assert await asked(store, None, None) is ErrorCode.INVALID_REQUEST_PARAMETERS  # SR60h
    assert await asked(store, c, None) is ErrorCode.NO_ELIGIBLE_PAYMENT_METHODS  # SR53
    assert await asked(store, a, "src_nobody") is ErrorCode.NOT_FOUND


async def test_an_unattached_source_is_charged_once_and_an_attached_one_again(store: Store) -> None:
    """§8's sequence: S1 unattached is consumed by its first charge, S2 attached stays (SR7, SR8, SR60g)."""
    a = (await store.write(a_customer)).id
    s1 = await store.write(a_source)
    s2 = await store.write(lambda tx: attached(tx, a))
    for number in (1, 2):
        for source in (s1, s2):
            if number == 2 and source is s1:
                continue
            await store.write(lambda tx, one=source, n=number: charging.claim(tx, one, f"pay_{n}"))  # type: ignore[misc]
            await store.write(lambda tx, one=source, n=number: charging.charged(tx, one.id, f"pay_{n}"))  # type: ignore[misc]
    assert (await status(store, s1.id), await status(store, s2.id)) == ("consumed", "chargeable")
    assert await asked(store, a, s1.id) is ErrorCode.SOURCE_NOT_CHARGEABLE
    assert await asked(store, a, s2.id) == s2.id
    found = await store.read(lambda tx: rows.get(tx, s1.id))
    assert found is not None
    assert found.customer_id is None


async def test_of_two_charges_at_once_exactly_one_is_attempted(store: Store) -> None:
    """SR16, with both engines."""
    source = await store.write(a_source)
    claims = [
        store.write(lambda tx, n=number: charging.claim(tx, source, f"pay_{n}"))  # type: ignore[misc]
        for number in range(8)
    ]
    outcomes = await asyncio.gather(*claims, return_exceptions=True)
    refused = [each for each in outcomes if isinstance(each, Refusal)]
    assert (len(refused), {each.code for each in refused}) == (7, {ErrorCode.SOURCE_STATE_CONFLICT})


async def test_a_decline_gives_the_source_back_and_a_late_failure_does_not(store: Store) -> None:
    """SR14, SR15; each can be said twice."""
    declined, late = [await store.write(a_source) for _ in range(2)]
    for source in (declined, late):
        await store.write(lambda tx, one=source: charging.claim(tx, one, "pay_1"))  # type: ignore[misc]
        await store.write(lambda tx, one=source: charging.claim(tx, one, "pay_1"))  # type: ignore[misc]
    for _ in range(2):
        await store.write(lambda tx: charging.released(tx, declined.id, "pay_1"))
        await store.write(lambda tx: charging.charged(tx, late.id, "pay_1"))
    await store.write(lambda tx: charging.released(tx, late.id, "pay_1"))
    assert (await status(store, declined.id), await status(store, late.id)) == ("chargeable", "consumed")
    await store.write(lambda tx: charging.claim(tx, declined, "pay_2"))


async def test_what_is_being_charged_is_not_attached_and_does_not_lapse(
    store: Store, clock: ManualClock
) -> None:
    """SR16 with SR30 and SR11."""
    a = (await store.write(a_customer)).id
    source = await store.write(lambda tx: a_source(tx, expires_at=tx.now + timedelta(hours=6)))
    await store.write(lambda tx: charging.claim(tx, source, "pay_1"))
    with pytest.raises(Refusal) as caught:
        await store.write(lambda tx: attaching.attach_in(tx, locks.lock(tx, a), rows.locked(tx, source.id)))
    assert caught.value.code is ErrorCode.SOURCE_STATE_CONFLICT
    clock.advance(timedelta(hours=7))
    assert await store.write(lambda tx: completing.lapse(tx, source.id)) == 0
    await store.write(lambda tx: charging.charged(tx, source.id, "pay_1"))
    assert await status(store, source.id) == "consumed"


LIMITS: list[tuple[dict[str, Any], int, str, ErrorCode | None]] = [
    ({"currency": "EUR"}, 1099, "EUR", None),
    ({"currency": "EUR"}, 1099, "USD", ErrorCode.UNSUPPORTED_PAYMENT_CURRENCY),  # SR62
    ({"currency": "EUR", "amount_minor": 1099}, 1099, "EUR", None),
    ({"currency": "EUR", "amount_minor": 1099}, 1100, "EUR", ErrorCode.CHARGE_EXCEEDS_SOURCE_LIMIT),
    ({"type": "sepa_debit"}, 10_000_00, "EUR", None),  # SR63
    ({"type": "sepa_debit"}, 10_000_01, "EUR", ErrorCode.CHARGE_EXCEEDS_SOURCE_LIMIT),
    ({"type": "sepa_debit"}, 1, "USD", ErrorCode.UNSUPPORTED_PAYMENT_CURRENCY),
    ({"mandate_json": with_mandate(amount=500)}, 500, "EUR", None),  # SR83
    ({"mandate_json": with_mandate(amount=500)}, 501, "EUR", ErrorCode.MANDATE_INVALID),
    (
        {"mandate_json": with_mandate(interval="one_time", used_by="pay_0")},
        5,
        "EUR",
        ErrorCode.MANDATE_INVALID,
    ),
    ({"status": "pending"}, 5, "EUR", ErrorCode.SOURCE_NOT_CHARGEABLE),  # SR61
    ({"status": "failed"}, 5, "EUR", ErrorCode.SOURCE_NOT_CHARGEABLE),
]


@pytest.mark.parametrize(("columns", "amount", "currency", "code"), LIMITS)
async def test_what_a_source_allows(
    store: Store, columns: dict[str, Any], amount: int, currency: str, code: ErrorCode | None
) -> None:
    """SR61-SR63, SR83."""
    source = await store.write(lambda tx: a_source(tx, **columns))
    assert await asked(store, None, source.id, amount, currency) == (code or source.id)


async def test_an_expired_card_may_be_tried(store: Store, clock: ManualClock) -> None:
    """SR65: the charge declines, the source does not."""
    source = await store.write(a_source)
    clock.advance(timedelta(days=3_000))
    assert await asked(store, None, source.id) == source.id


async def test_a_mandate_for_one_debit_is_used_by_one_that_succeeds(store: Store) -> None:
    """SR83: also of an attached source, which is not claimed itself; a failed debit gives it back."""
    a = (await store.write(a_customer)).id
    once = with_mandate(interval="one_time")
    source = await store.write(lambda tx: attached(tx, a, type="sepa_debit", mandate_json=once))
    await store.write(lambda tx: charging.claim(tx, source, "pay_1"))
    assert await asked(store, a, source.id) is ErrorCode.MANDATE_INVALID
    with pytest.raises(Refusal) as caught:
        await store.write(lambda tx: charging.claim(tx, source, "pay_2"))
    assert caught.value.code is ErrorCode.MANDATE_INVALID
    await store.write(lambda tx: charging.charged(tx, source.id, "pay_1"))
    await store.write(lambda tx: charging.released(tx, source.id, "pay_1"))
    assert await asked(store, a, source.id) == source.id


async def test_a_hopeless_debit_fails_and_the_default_passes_on(store: Store) -> None:
    """SR12, SR84, SR72."""
    a = (await store.write(a_customer)).id
    debit = await store.write(lambda tx: attached(tx, a, type="sepa_debit", mandate_json=with_mandate()))
    card = await store.write(lambda tx: attached(tx, a))
    report = SourceReport("failed", failure_reason=mandates.REVOKED)
    for _ in range(2):
        await store.write(lambda tx: completing.reported(tx, debit.id, report, PAYMENT_RULES))
    found = await store.read(lambda tx: rows.get(tx, debit.id))
    assert found is not None
    mandate = rows.unpacked(found.mandate_json) or {}
    assert (found.status, found.customer_id, mandate["acceptance"]["status"]) == ("failed", None, "revoked")
    assert await asked(store, a, None) == card.id
    loose = await store.write(a_source)
    await store.write(lambda tx: charging.hopeless(tx, loose.id, "account_closed"))
    assert await status(store, loose.id) == "failed"


async def test_a_customer_is_told_of_a_debit_where_the_mandate_says_so(store: Store) -> None:
    """SR81, SR82: everything that the notice needs, and nothing where nobody asked for one."""
    manual = with_mandate(notification_method="manual")
    told = await store.write(lambda tx: a_source(tx, mandate_json=manual, currency="EUR"))
    silent = await store.write(lambda tx: a_source(tx, mandate_json=with_mandate()))
    payment = {"payment_id": "pay_1", "source_amount": 1099, "currency": "EUR"}
    for source in (told, silent):
        await store.write(lambda tx, one=source: mandates.notify(tx, one, payment, PAYMENT_RULES))  # type: ignore[misc]
    (event,) = [
        each
        for each in await store.read(lambda tx: tx.all(select(Event).order_by(col(Event.id))))
        if each.type == "source.mandate_notification"
    ]
    data = orjson.loads(event.data_json)
    assert (data["reason"], data["last4"], data["mandate_reference"]) == (
        "debit_initiated",
        "4242",
        "SAIFU-1",
    )
    assert (data["amount"], data["creditor_identifier"], data["business_contact"]) == (
        1099,
        "biz_1",
        "shop@example.com",
    )


async def test_whoever_tries_too_often_has_to_wait(store: Store, clock: ManualClock) -> None:
    """SR98: neither many cards of one customer nor one card of many, for an hour."""
    a = (await store.write(a_customer)).id
    source = await store.write(lambda tx: attached(tx, a))
    for _ in range(velocity.MOST_TRIES):
        await store.write(lambda tx: charging.declined(tx, source.id, a))
    assert await asked(store, a, source.id) is ErrorCode.TOO_MANY_REQUESTS
    loose = await store.write(a_source)
    assert await asked(store, None, loose.id) is ErrorCode.TOO_MANY_REQUESTS, "the same card"
    clock.advance(velocity.WINDOW)
    assert await asked(store, a, source.id) == source.id
    assert await store.write(lambda tx: velocity.forget(tx, 500)) == 2 * velocity.MOST_TRIES
