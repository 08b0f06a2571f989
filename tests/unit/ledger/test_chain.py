"""Ruling 12, W10, W11, W13: a ledger that somebody touched says so, and where."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from saifu.ledger.chain import (
    GENESIS,
    START,
    Broken,
    Fault,
    Link,
    canonical,
    entry_hash,
    link,
    verify,
)
from saifu.ledger.entries import CONTRA, EntryType, Funding, after_balance

NOON = datetime(2026, 1, 2, 12, tzinfo=UTC)


@dataclass(frozen=True)
class Entry:
    """What a table row looks like to the chain."""

    id: str = "cwt_1"
    customer_id: str = "cus_1"
    currency: str = "USD"
    sequence: int = 1
    entry_type: str = "merchant_adjustment"
    is_credit: bool = True
    amount_minor: int = 5000
    before_minor: int = 0
    after_minor: int = 5000
    contra_account: str = "merchant_adjustments"
    reference_type: str | None = None
    reference_id: str | None = None
    reason: str | None = "ウェルカム 🎁"
    funding: str | None = "promotional"
    expires_at: datetime | None = datetime(2026, 1, 31, tzinfo=UTC)
    idempotency_key: str | None = "welcome_c1"
    metadata_json: str | None = '{"campaign":"spring"}'
    actor_type: str = "api_key"
    actor_id: str | None = "key_1"
    created_at: datetime = NOON
    hash: str = ""


CONTENT_FIELDS = [field.name for field in fields(Entry) if field.name != "hash"]


def a_ledger(moves: Sequence[int]) -> list[Entry]:
    """Entries as the engine would write them, one per move; a move is signed minor units."""
    ledger: list[Entry] = []
    standing = START
    for move in moves:
        entry = Entry(
            id=f"cwt_{standing.sequence + 1}",
            sequence=standing.sequence + 1,
            is_credit=move > 0,
            amount_minor=abs(move),
            before_minor=standing.balance_minor,
            after_minor=after_balance(standing.balance_minor, abs(move), move > 0),
            created_at=NOON + timedelta(seconds=standing.sequence),
        )
        ledger.append(replace(entry, hash=entry_hash(standing.hash, entry)))
        standing = link(ledger[-1])
    return ledger


LEDGER = a_ledger([5000, -1500, 700, -200, -4000])


def with_lie(ledger: Sequence[Entry], at: int, **changes: Any) -> list[Entry]:
    return [*ledger[:at], replace(ledger[at], **changes), *ledger[at + 1 :]]


def touched(at: int, **changes: Any) -> list[Entry]:
    return with_lie(LEDGER, at, **changes)


def test_an_untouched_ledger_holds() -> None:
    assert verify(LEDGER) is None
    assert verify([]) is None


def test_the_sealed_bytes_are_exactly_these_for_as_long_as_version_1_lives() -> None:
    assert canonical(Entry()).decode() == (
        '{"actor_id":"key_1","actor_type":"api_key","after_minor":5000,"amount_minor":5000,"before_minor":0,'
        '"contra_account":"merchant_adjustments","created_at":"2026-01-02T12:00:00.000000Z","currency":"USD",'
        '"customer_id":"cus_1","entry_type":"merchant_adjustment","expires_at":"2026-01-31T00:00:00.000000Z",'
        '"funding":"promotional","id":"cwt_1","idempotency_key":"welcome_c1","is_credit":true,'
        '"metadata_json":"{\\"campaign\\":\\"spring\\"}","reason":"ウェルカム 🎁","reference_id":null,'
        '"reference_type":null,"sequence":1,"version":"saifu.entry.v1"}'
    )


def test_the_hash_is_sha256_over_the_previous_hash_a_line_feed_and_the_content() -> None:
    sealed = hashlib.sha256(b"0" * 64 + b"\n" + canonical(Entry())).hexdigest()
    assert entry_hash(GENESIS, Entry()) == sealed
    assert sealed == (
        # printf '%s\n%s' 0…0 '{…}' | sha256sum
        "4803a3e3db5ac7564f99129bab7469485068d52f40b0bbbaee05fb87878d6767"
    )


def test_every_field_of_the_content_is_sealed_and_nothing_else() -> None:
    assert set(json.loads(canonical(Entry()))) == {*CONTENT_FIELDS, "version"}


@given(st.text(st.characters(codec="utf-8")))
def test_python_s_own_json_writes_the_same_bytes_whatever_the_text(text: str) -> None:
    entry = Entry(reason=text, idempotency_key=text)
    content = json.loads(canonical(entry))
    assert content["reason"] == text
    by_hand = json.dumps(content, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    assert canonical(entry) == by_hand.encode()


def test_enum_members_and_their_values_are_sealed_alike() -> None:
    members = Entry(
        entry_type=EntryType.EXPIRY, contra_account=CONTRA[EntryType.EXPIRY], funding=Funding.PROMOTIONAL
    )
    plain = Entry(entry_type="expiry", contra_account="expired", funding="promotional")
    assert canonical(members) == canonical(plain)


@pytest.mark.parametrize(
    ("at", "written"),
    [
        (datetime(2026, 1, 2, 12, tzinfo=UTC), "2026-01-02T12:00:00.000000Z"),
        (datetime(2026, 1, 2, 12, 0, 0, 5, tzinfo=UTC), "2026-01-02T12:00:00.000005Z"),
        (datetime(2026, 1, 2, 21, tzinfo=timezone(timedelta(hours=9))), "2026-01-02T12:00:00.000000Z"),
        (datetime(987, 1, 2, tzinfo=UTC), "0987-01-02T00:00:00.000000Z"),
    ],
)
def test_an_instant_is_sealed_in_utc_at_a_fixed_width(at: datetime, written: str) -> None:
    content = json.loads(canonical(Entry(created_at=at, expires_at=at)))
    assert content["created_at"] == content["expires_at"] == written


@pytest.mark.parametrize("field", ["created_at", "expires_at"])
def test_a_time_without_a_zone_is_not_sealed(field: str) -> None:
    with pytest.raises(ValueError, match="no time zone"):
        canonical(with_lie([Entry()], 0, **{field: datetime(2026, 1, 2)})[0])


def test_null_and_empty_text_are_not_the_same() -> None:
    assert entry_hash(GENESIS, Entry(reason=None)) != entry_hash(GENESIS, Entry(reason=""))


def test_text_cannot_be_moved_from_one_field_into_the_next() -> None:
    one = Entry(reason='a","reference_id":"b', reference_id=None)
    other = Entry(reason="a", reference_id="b")
    assert canonical(one) != canonical(other)


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"amount_minor": 1501}, Fault.ARITHMETIC),
        ({"after_minor": 3501}, Fault.ARITHMETIC),
        ({"is_credit": True}, Fault.ARITHMETIC),
        ({"is_credit": True, "amount_minor": -1500}, Fault.ARITHMETIC),  # adds up, but an amount is positive
        ({"amount_minor": 5001, "after_minor": -1}, Fault.ARITHMETIC),  # adds up, but below zero
        ({"before_minor": 5001}, Fault.CONTINUITY),
        ({"before_minor": 5001, "after_minor": 3501}, Fault.CONTINUITY),
        ({"sequence": 3}, Fault.SEQUENCE),
        ({"sequence": 1}, Fault.SEQUENCE),
        ({"amount_minor": 1400, "after_minor": 3600}, Fault.HASH),  # well forged: only the seal tells
        ({"hash": "f" * 64}, Fault.HASH),
        ({"hash": ""}, Fault.HASH),
        ({"reason": None}, Fault.HASH),
        ({"created_at": NOON}, Fault.HASH),
    ],
)
def test_a_touched_entry_is_named_with_what_is_wrong(changes: dict[str, Any], fault: Fault) -> None:
    sequence = changes.get("sequence", 2)
    assert verify(touched(1, **changes)) == Broken("cwt_2", sequence, fault)


def another(value: object) -> object:
    """A different value of the same kind, as small a lie as can be told."""
    if isinstance(value, bool):
        return not value
    if isinstance(value, int):
        return value + 1
    if isinstance(value, datetime):
        return value + timedelta(microseconds=1)
    return "x" if value is None else str(value) + " "


@pytest.mark.parametrize("field", [*CONTENT_FIELDS, "hash"])
@pytest.mark.parametrize("at", range(len(LEDGER)))
def test_no_field_of_any_entry_can_be_changed_unseen(field: str, at: int) -> None:
    lie = another(getattr(LEDGER[at], field))
    broken = verify(touched(at, **{field: lie}))
    assert broken is not None
    assert broken.entry_id == (lie if field == "id" else LEDGER[at].id)


@pytest.mark.parametrize("at", range(len(LEDGER) - 1))
def test_a_removed_entry_is_a_gap_at_the_next_one(at: int) -> None:
    missing = LEDGER[:at] + LEDGER[at + 1 :]
    assert verify(missing) == Broken(LEDGER[at + 1].id, at + 2, Fault.SEQUENCE)


def test_an_entry_cut_off_the_end_shows_against_the_wallet_s_own_row() -> None:
    stored = Link(sequence=5, balance_minor=0, hash=LEDGER[-1].hash)
    assert verify(LEDGER[:-1]) is None
    assert link(LEDGER[-2]) != stored
    assert link(LEDGER[-1]) == stored


@pytest.mark.parametrize("at", range(len(LEDGER)))
def test_an_entry_cannot_be_inserted_twice(at: int) -> None:
    doubled = [*LEDGER[: at + 1], LEDGER[at], *LEDGER[at + 1 :]]
    assert verify(doubled) == Broken(LEDGER[at].id, at + 1, Fault.SEQUENCE)


def test_renumbering_after_a_removal_does_not_hide_it() -> None:
    ledger = a_ledger([100, 50, -50, 7])
    closed_up = [ledger[0], replace(ledger[3], sequence=2)]  # balances continue, the numbers too
    assert verify(closed_up) == Broken("cwt_4", 2, Fault.HASH)


def test_an_entry_resealed_by_a_forger_breaks_the_next_one() -> None:
    forged = replace(LEDGER[1], reason="forged")
    forged = replace(forged, hash=entry_hash(LEDGER[0].hash, forged))
    assert verify([LEDGER[0], forged, *LEDGER[2:]]) == Broken("cwt_3", 3, Fault.HASH)


def test_an_entry_of_another_wallet_does_not_fit_even_with_fitting_numbers() -> None:
    rupees = replace(LEDGER[1], currency="INR")
    assert verify([LEDGER[0], rupees]) == Broken("cwt_2", 2, Fault.HASH)


def test_a_page_that_starts_elsewhere_than_it_is_said_to_breaks_at_its_first_entry() -> None:
    assert verify(LEDGER[2:], link(LEDGER[1])) is None
    assert verify(LEDGER[2:]) == Broken("cwt_3", 3, Fault.SEQUENCE)
    assert verify(LEDGER[2:], Link(2, 3499, LEDGER[1].hash)) == Broken("cwt_3", 3, Fault.CONTINUITY)
    assert verify(LEDGER[2:], Link(2, 3500, LEDGER[0].hash)) == Broken("cwt_3", 3, Fault.HASH)


@st.composite
def ledgers(draw_from: st.DrawFn) -> list[Entry]:
    balance, chosen = 0, []
    for _ in range(draw_from(st.integers(2, 10))):
        chosen.append(draw_from(st.integers(-min(balance, 60), 60).filter(bool)))
        balance += chosen[-1]
    return a_ledger(chosen)


@given(ledgers(), st.integers(1, 5))
def test_a_ledger_verified_in_pages_is_judged_as_in_one_go(ledger: list[Entry], size: int) -> None:
    standing = START
    for first in range(0, len(ledger), size):
        page = ledger[first : first + size]
        assert verify(page, standing) is None
        standing = link(page[-1])
    assert standing == link(ledger[-1])


@given(ledgers(), st.data())
def test_two_entries_cannot_change_places(ledger: list[Entry], data: st.DataObject) -> None:
    one, other = sorted(
        data.draw(st.lists(st.integers(0, len(ledger) - 1), min_size=2, max_size=2, unique=True))
    )
    swapped = list(ledger)
    swapped[one], swapped[other] = ledger[other], ledger[one]
    assert verify(swapped) == Broken(ledger[other].id, other + 1, Fault.SEQUENCE)
    # Also when the forger puts the numbers right again.
    swapped[one], swapped[other] = (
        replace(swapped[one], sequence=one + 1),
        replace(swapped[other], sequence=other + 1),
    )
    broken = verify(swapped)
    assert broken is not None
    assert broken.sequence == one + 1


@given(ledgers(), st.data(), st.sampled_from(CONTENT_FIELDS))
def test_any_one_changed_field_breaks_the_chain_at_its_entry(
    ledger: list[Entry], data: st.DataObject, field: str
) -> None:
    at = data.draw(st.integers(0, len(ledger) - 1))
    value = getattr(ledger[at], field)
    lie = {
        bool: st.just(not value),
        int: st.integers(-(2**53), 2**53),
        datetime: st.datetimes(timezones=st.just(UTC)),
    }.get(type(value), st.text(st.characters(codec="utf-8")) | st.none())
    told = data.draw(lie.filter(lambda candidate: candidate != value))
    broken = verify(with_lie(ledger, at, **{field: told}))
    assert broken is not None
    assert broken.entry_id == (told if field == "id" else ledger[at].id)
