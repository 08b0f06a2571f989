"""W12, W58–W60, W64, W66, W67, W70–W79: which lot is spent, expires, or gets money back."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from saifu.ledger.entries import Funding
from saifu.ledger.lots import (
    Draw,
    Drawn,
    Fill,
    LotState,
    NextExpiry,
    draw,
    draw_order,
    draw_paid_first,
    draw_top_up_reversal,
    expired,
    expiry_notice_due,
    next_expiry,
    refill,
    revived_expiry,
    spendable,
)

PAID, PROMOTIONAL = Funding.PAID, Funding.PROMOTIONAL
NOW = datetime(2026, 1, 10, 12, tzinfo=UTC)
JAN_31 = datetime(2026, 1, 31, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)


def a_lot(
    id: str,
    remaining: int = 1000,
    *,
    funding: Funding = PAID,
    expires_at: datetime | None = None,
    created_at: datetime = datetime(2026, 1, 1, tzinfo=UTC),
    original: int | None = None,
) -> LotState:
    return LotState(
        id, funding, remaining if original is None else original, remaining, expires_at, created_at
    )


def drawn_from(draws: tuple[Draw, ...]) -> list[tuple[str, int]]:
    return [(one.lot_id, one.amount_minor) for one in draws]


def filled(fills: tuple[Fill, ...]) -> list[tuple[str, int]]:
    return [(one.lot_id, one.amount_minor) for one in fills]


WORKED = [
    a_lot("A", 1000, funding=PROMOTIONAL, expires_at=JAN_31),
    a_lot("B", 5000),
    a_lot("C", 500, funding=PROMOTIONAL),
]


def test_the_worked_draw_empties_the_expiring_lot_then_the_promotional_then_part_of_the_paid() -> None:
    assert drawn_from(draw(WORKED, 1800, NOW)) == [("A", 1000), ("C", 500), ("B", 300)]


@pytest.mark.parametrize(
    ("amount", "expected"),
    [
        (1, [("A", 1)]),
        (1000, [("A", 1000)]),  # exactly one lot: the next is not mentioned with 0
        (1001, [("A", 1000), ("C", 1)]),
        (1500, [("A", 1000), ("C", 500)]),
        (6500, [("A", 1000), ("C", 500), ("B", 5000)]),  # all of it
    ],
)
def test_a_draw_stops_where_its_amount_ends(amount: int, expected: list[tuple[str, int]]) -> None:
    assert drawn_from(draw(WORKED, amount, NOW)) == expected


def early(id: str, **changes: object) -> LotState:
    return a_lot(id, 10, **changes)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("first", "second"),
    [
        # (1) the earlier expiry goes first, even if paid, younger, and with the higher id
        (
            early("z", expires_at=JAN_31, created_at=NOW),
            early("a", expires_at=JAN_31 + MICROSECOND, funding=PROMOTIONAL),
        ),
        # (1) any expiry goes before none
        (early("z", expires_at=datetime(9999, 1, 1, tzinfo=UTC)), early("a", funding=PROMOTIONAL)),
        # (2) promotional before paid, even if younger
        (early("z", funding=PROMOTIONAL, created_at=NOW), early("a")),
        (early("z", funding=PROMOTIONAL, expires_at=JAN_31, created_at=NOW), early("a", expires_at=JAN_31)),
        # (3) the older, even with the higher id
        (early("z"), early("a", created_at=NOW)),
        # (4) the lot id decides what nothing else does
        (early("a"), early("b")),
    ],
)
def test_each_tie_of_w70_is_broken_by_the_next_criterion(first: LotState, second: LotState) -> None:
    for lots in ([first, second], [second, first]):
        assert drawn_from(draw(lots, 11, NOW)) == [(first.id, 10), (second.id, 1)]


def test_the_same_instant_written_in_another_zone_is_the_same_expiry() -> None:
    tokyo = JAN_31.astimezone(timezone(timedelta(hours=9)))
    lots = [a_lot("a", 10, expires_at=JAN_31), a_lot("b", 10, expires_at=tokyo, funding=PROMOTIONAL)]
    assert drawn_from(draw(lots, 11, NOW)) == [("b", 10), ("a", 1)]
    assert next_expiry(lots, NOW) == NextExpiry(20, JAN_31)


@pytest.mark.parametrize("taking", [draw, draw_paid_first])
@pytest.mark.parametrize("amount", [0, -1, 6501])
def test_a_draw_that_is_not_covered_or_not_positive_is_a_fault(
    taking: Callable[[list[LotState], int, datetime], object], amount: int
) -> None:
    with pytest.raises(ValueError):
        taking(WORKED, amount, NOW)


def test_drawing_from_no_lots_at_all_is_a_fault() -> None:
    with pytest.raises(ValueError):
        draw([], 1, NOW)


class TestTheExpiryInstant:
    LOT = a_lot("L", 600, original=1000, expires_at=JAN_31)

    def test_a_second_before_it_the_worked_balance_still_has_600(self) -> None:
        before = datetime(2026, 1, 30, 23, 59, 59, tzinfo=UTC)
        assert spendable([self.LOT], before).total_minor == 600
        assert drawn_from(draw([self.LOT], 600, before)) == [("L", 600)]
        assert expired([self.LOT], before) == ()

    def test_at_it_the_money_is_gone_though_no_job_has_run(self) -> None:
        assert spendable([self.LOT], JAN_31).total_minor == 0
        with pytest.raises(ValueError):
            draw([self.LOT], 1, JAN_31)
        assert expired([self.LOT], JAN_31) == (self.LOT,)

    def test_the_edge_is_one_microsecond_wide(self) -> None:
        assert self.LOT.live(JAN_31 - MICROSECOND)
        assert not self.LOT.live(JAN_31)

    def test_without_expiry_it_never_comes(self) -> None:
        assert a_lot("L").live(datetime.max.replace(tzinfo=UTC))

    def test_an_expired_lot_is_passed_over_for_one_that_lives(self) -> None:
        assert drawn_from(draw([self.LOT, a_lot("M", 50)], 50, JAN_31)) == [("M", 50)]

    def test_a_lot_that_is_used_up_needs_no_expiry_entry(self) -> None:
        assert expired([a_lot("L", 0, original=1000, expires_at=JAN_31)], JAN_31) == ()

    def test_lots_are_swept_in_the_order_in_which_they_would_have_been_spent(self) -> None:
        late, soon = a_lot("a", expires_at=JAN_31), a_lot("b", expires_at=JAN_31 - MICROSECOND)
        assert [lot.id for lot in expired([late, soon], JAN_31)] == ["b", "a"]


def test_the_balance_is_split_into_paid_and_promotional() -> None:
    split = spendable([*WORKED, a_lot("D", 7, expires_at=NOW)], NOW)
    assert (split.paid_minor, split.promotional_minor, split.total_minor) == (5000, 1500, 6500)
    assert spendable([], NOW).total_minor == 0


@pytest.mark.parametrize(
    ("lots", "expected"),
    [
        ([], None),
        ([a_lot("a")], None),
        ([a_lot("a", 0, original=5, expires_at=JAN_31)], None),
        ([a_lot("a", 5, expires_at=NOW)], None),  # already gone
        ([a_lot("a", 5, expires_at=NOW), a_lot("b", 6, expires_at=JAN_31)], (6, JAN_31)),
        ([a_lot("a", 5, expires_at=JAN_31), a_lot("b", 6, expires_at=JAN_31)], (11, JAN_31)),
        ([a_lot("a", 5, expires_at=JAN_31 + MICROSECOND), a_lot("b", 6, expires_at=JAN_31)], (6, JAN_31)),
        (
            [a_lot("a", 0, original=9, expires_at=NOW + MICROSECOND), a_lot("b", 6, expires_at=JAN_31)],
            (6, JAN_31),
        ),
    ],
)
def test_the_next_expiry_is_all_that_goes_at_the_nearest_instant(
    lots: list[LotState], expected: tuple[int, datetime] | None
) -> None:
    assert next_expiry(lots, NOW) == expected


def test_a_dispute_takes_paid_money_before_promotional() -> None:
    assert drawn_from(draw_paid_first(WORKED, 5600, NOW)) == [("B", 5000), ("A", 600)]
    expiring = a_lot("E", 40, expires_at=JAN_31)
    assert drawn_from(draw_paid_first([*WORKED, expiring], 100, NOW)) == [("E", 40), ("B", 60)]
    assert drawn_from(draw_paid_first([*WORKED, a_lot("X", 40, expires_at=NOW)], 10, NOW)) == [("B", 10)]


def test_a_refunded_top_up_takes_its_own_lot_then_other_paid_ones() -> None:
    lots = [a_lot("own", 300, original=1000, created_at=NOW), a_lot("old", 500), *WORKED]
    assert drawn_from(draw_top_up_reversal(lots, "own", 900, NOW)) == [("own", 300), ("B", 600)]
    lots = [a_lot("own", 300, original=1000), a_lot("expiring", 500, expires_at=JAN_31)]
    assert drawn_from(draw_top_up_reversal(lots, "own", 400, NOW)) == [("own", 300), ("expiring", 100)]


def test_a_refunded_top_up_whose_own_lot_is_used_up_or_unknown_takes_other_paid_ones() -> None:
    lots = [a_lot("own", 0, original=1000), *WORKED]
    assert drawn_from(draw_top_up_reversal(lots, "own", 10, NOW)) == [("B", 10)]
    assert drawn_from(draw_top_up_reversal(WORKED, "own", 10, NOW)) == [("B", 10)]


@pytest.mark.parametrize("amount", [5001, 0, -5])
def test_a_refunded_top_up_never_takes_promotional_money(amount: int) -> None:
    with pytest.raises(ValueError):
        draw_top_up_reversal(WORKED, "B", amount, NOW)


def test_a_promotional_lot_cannot_pose_as_the_top_up_s_own() -> None:
    assert drawn_from(draw_top_up_reversal(WORKED, "A", 10, NOW)) == [("B", 10)]


class TestTheWorkedRefunds:
    """Payment 10 000 = wallet 4 000 (L2 promotional 1 000, L1 paid 3 000) + source 6 000."""

    DRAWN = (Drawn("L2", PROMOTIONAL, 1000), Drawn("L1", PAID, 3000))
    AFTER_FIRST = (Drawn("L2", PROMOTIONAL, 1000), Drawn("L1", PAID, 2000))

    def test_of_7000_the_source_gets_6000_and_the_wallet_leg_goes_to_the_paid_lot(self) -> None:
        assert filled(refill(self.DRAWN, 7000 - 6000)) == [("L1", 1000)]

    def test_the_last_3000_fill_the_paid_lot_and_then_the_promotional_one(self) -> None:
        assert filled(refill(self.AFTER_FIRST, 3000)) == [("L1", 2000), ("L2", 1000)]

    def test_with_destination_wallet_the_wallet_part_of_7000_goes_the_same_way(self) -> None:
        assert filled(refill(self.DRAWN, 1000)) == [("L1", 1000)]
        assert sum(one.outstanding_minor for one in self.AFTER_FIRST) == 3000

    def test_not_one_unit_more_than_was_drawn_comes_back(self) -> None:
        with pytest.raises(ValueError):
            refill(self.DRAWN, 4001)
        with pytest.raises(ValueError):
            refill(self.AFTER_FIRST, 3001)


def test_within_one_funding_the_last_drawn_gets_its_money_back_first() -> None:
    drawn = [Drawn("soon", PAID, 10), Drawn("gift", PROMOTIONAL, 10), Drawn("never", PAID, 10)]
    assert filled(refill(drawn, 25)) == [("never", 10), ("soon", 10), ("gift", 5)]


def test_a_reversal_of_everything_puts_each_share_back_where_it_was() -> None:
    draws = draw(WORKED, 1800, NOW)
    funding = {lot.id: lot.funding for lot in WORKED}
    drawn = [Drawn(one.lot_id, funding[one.lot_id], one.amount_minor) for one in draws]
    assert sorted(filled(refill(drawn, 1800))) == sorted(drawn_from(draws))


@pytest.mark.parametrize(
    ("drawn", "amount"), [((), 1), ((Drawn("a", PAID, 0),), 1), ((Drawn("a", PAID, 5),), 0)]
)
def test_a_refill_of_nothing_or_from_nothing_is_a_fault(drawn: tuple[Drawn, ...], amount: int) -> None:
    with pytest.raises(ValueError):
        refill(drawn, amount)


@pytest.mark.parametrize(
    ("expires_at", "grace_days", "expected"),
    [
        (None, 7, None),
        (NOW + MICROSECOND, 7, NOW + MICROSECOND),  # still alive: keeps its own expiry, though it is near
        (NOW, 7, NOW + timedelta(days=7)),
        (NOW - timedelta(days=400), 7, NOW + timedelta(days=7)),
        (NOW, 0, NOW),  # gone at once, as Stripe does it
        (NOW - timedelta(days=1), 1, NOW + timedelta(days=1)),
    ],
)
def test_money_returned_to_an_expired_lot_gets_days_of_grace(
    expires_at: datetime | None, grace_days: int, expected: datetime | None
) -> None:
    assert revived_expiry(a_lot("L", 0, original=5, expires_at=expires_at), NOW, grace_days) == expected


@pytest.mark.parametrize(
    ("remaining", "expires_at", "due"),
    [
        (5, None, False),
        (5, NOW + timedelta(days=7) + MICROSECOND, False),
        (5, NOW + timedelta(days=7), True),
        (5, NOW + timedelta(days=1), True),  # created inside the window: announced at once
        (5, NOW + MICROSECOND, True),
        (5, NOW, False),  # too late for a warning
        (5, NOW - timedelta(days=1), False),
        (0, NOW + timedelta(days=1), False),  # nothing left to warn about
    ],
)
def test_the_warning_is_due_inside_the_last_seven_days_of_a_lot_with_money(
    remaining: int, expires_at: datetime | None, due: bool
) -> None:
    assert expiry_notice_due(a_lot("L", remaining, original=9, expires_at=expires_at), NOW, 7) is due


@pytest.mark.parametrize(("original", "remaining"), [(5, 6), (5, -1), (-1, -1)])
def test_a_lot_holds_no_less_than_nothing_and_no_more_than_it_was_given(
    original: int, remaining: int
) -> None:
    with pytest.raises(ValueError):
        a_lot("L", remaining, original=original)


instants = st.integers(-4, 4).map(lambda days: NOW + timedelta(days=days))


@st.composite
def many_lots(draw_from: st.DrawFn) -> list[LotState]:
    count = draw_from(st.integers(1, 8))
    return [
        a_lot(
            f"lot_{n}",
            draw_from(st.integers(0, 50)),
            original=50,
            funding=draw_from(st.sampled_from(Funding)),
            expires_at=draw_from(st.none() | instants),
            created_at=draw_from(instants),
        )
        for n in draw_from(st.permutations(range(count)))
    ]


@given(many_lots(), st.data())
def test_a_draw_adds_up_takes_no_more_than_is_there_and_nothing_expired(
    lots: list[LotState], data: st.DataObject
) -> None:
    total = spendable(lots, NOW).total_minor
    assume(total > 0)
    amount = data.draw(st.integers(1, total))
    by_id = {lot.id: lot for lot in lots}
    for taking in (draw, draw_paid_first):
        draws = taking(lots, amount, NOW)
        assert sum(one.amount_minor for one in draws) == amount
        assert len({one.lot_id for one in draws}) == len(draws)
        for one in draws:
            lot = by_id[one.lot_id]
            assert 0 < one.amount_minor <= lot.remaining_minor
            assert lot.expires_at is None or lot.expires_at > NOW


def precedes(one: LotState, other: LotState) -> bool:
    """W70 once more, criterion by criterion, independent of the sort key under test."""
    if one.expires_at != other.expires_at:
        return other.expires_at is None or (one.expires_at is not None and one.expires_at < other.expires_at)
    if one.funding != other.funding:
        return one.funding is PROMOTIONAL
    if one.created_at != other.created_at:
        return one.created_at < other.created_at
    return one.id < other.id


@given(many_lots(), st.data())
def test_no_lot_is_touched_while_one_that_precedes_it_has_money_left(
    lots: list[LotState], data: st.DataObject
) -> None:
    total = spendable(lots, NOW).total_minor
    assume(total > 0)
    taken = {one.lot_id: one.amount_minor for one in draw(lots, data.draw(st.integers(1, total)), NOW)}
    left_over = [lot for lot in lots if lot.live(NOW) and taken.get(lot.id, 0) < lot.remaining_minor]
    touched = [lot for lot in lots if lot.id in taken]
    assert not any(precedes(left, used) for left in left_over for used in touched if left is not used)


@given(many_lots(), st.integers(1, 500))
def test_a_draw_succeeds_exactly_when_the_balance_covers_it(lots: list[LotState], amount: int) -> None:
    if amount <= spendable(lots, NOW).total_minor:
        assert draw(lots, amount, NOW)
    else:
        with pytest.raises(ValueError):
            draw(lots, amount, NOW)


@given(many_lots())
def test_the_order_in_which_lots_are_given_changes_nothing(lots: list[LotState]) -> None:
    shuffled = sorted(lots, key=lambda lot: (lot.remaining_minor, lot.id))
    assert sorted(lots, key=draw_order) == sorted(shuffled, key=draw_order)
    assert spendable(lots, NOW) == spendable(shuffled, NOW)
    assert expired(lots, NOW) == expired(shuffled, NOW)
    assert next_expiry(lots, NOW) == next_expiry(shuffled, NOW)


@given(many_lots())
def test_what_is_live_and_what_is_swept_is_all_there_is(lots: list[LotState]) -> None:
    swept = sum(lot.remaining_minor for lot in expired(lots, NOW))
    assert swept + spendable(lots, NOW).total_minor == sum(lot.remaining_minor for lot in lots)


drawn_parts = st.lists(st.tuples(st.sampled_from(Funding), st.integers(0, 30)), max_size=6).map(
    lambda parts: [Drawn(f"lot_{n}", funding, amount) for n, (funding, amount) in enumerate(parts)]
)


@given(drawn_parts, st.data())
def test_a_refill_adds_up_and_promotional_lots_wait_for_the_paid_ones(
    drawn: list[Drawn], data: st.DataObject
) -> None:
    outstanding = sum(one.outstanding_minor for one in drawn)
    assume(outstanding > 0)
    amount = data.draw(st.integers(1, outstanding))
    given_back = {one.lot_id: one.amount_minor for one in refill(drawn, amount)}
    assert sum(given_back.values()) == amount
    assert all(given_back.get(one.lot_id, 0) <= one.outstanding_minor for one in drawn)
    paid = sum(one.outstanding_minor for one in drawn if one.funding is PAID)
    to_promotional = sum(given_back.get(one.lot_id, 0) for one in drawn if one.funding is PROMOTIONAL)
    assert to_promotional == max(0, amount - paid)
