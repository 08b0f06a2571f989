"""PM50-PM58: every pair of statuses, every pair of stages, and where the money is."""

from datetime import UTC, datetime, timedelta
from itertools import product

import pytest

from saifu.disputes.transitions import (
    DisputeStage,
    DisputeStatus,
    is_open,
    may,
    money_is_out,
    rises,
    status_at,
    way_to,
)

OPENED, CHALLENGED = DisputeStatus.DISPUTE_OPENED, DisputeStatus.DISPUTE_CHALLENGED
ACCEPTED, EXPIRED = DisputeStatus.DISPUTE_ACCEPTED, DisputeStatus.DISPUTE_EXPIRED
CANCELLED, WON, LOST = DisputeStatus.DISPUTE_CANCELLED, DisputeStatus.DISPUTE_WON, DisputeStatus.DISPUTE_LOST
RULES = {
    (OPENED, CHALLENGED): "PM51",
    (OPENED, ACCEPTED): "PM52",
    (OPENED, EXPIRED): "PM53",
    (OPENED, CANCELLED): "PM54",
    (CHALLENGED, CANCELLED): "PM54",
    (EXPIRED, CANCELLED): "PM54",  # the deadline was ours; whether the money is back is the bank's to say
    (EXPIRED, WON): "PM55",
    (CHALLENGED, WON): "PM55",
    (OPENED, LOST): "PM56",
    (CHALLENGED, LOST): "PM56",
}
PRE, DISPUTE, ARBITRATION = DisputeStage
NOW = datetime(2026, 1, 10, tzinfo=UTC)


@pytest.mark.parametrize(("from_", "to"), list(product(DisputeStatus, DisputeStatus)))
def test_a_dispute_goes_where_the_table_says_and_nowhere_else(
    from_: DisputeStatus, to: DisputeStatus
) -> None:
    assert may(from_, to) is ((from_, to) in RULES)


@pytest.mark.parametrize(("from_", "end", "way"), [
    (OPENED, LOST, (LOST,)),
    (OPENED, CANCELLED, (CANCELLED,)),
    (OPENED, WON, (CHALLENGED, WON)),  # the evidence went to the bank by another way than ours
    (CHALLENGED, WON, (WON,)),
    (EXPIRED, WON, (WON,)),
    (EXPIRED, CANCELLED, (CANCELLED,)),
    (EXPIRED, LOST, ()),  # it is lost already
    *[(final, end, ()) for final in (ACCEPTED, CANCELLED, WON, LOST) for end in (CANCELLED, WON, LOST)],
])  # fmt: skip
def test_what_is_final_is_not_contradicted(
    from_: DisputeStatus, end: DisputeStatus, way: tuple[DisputeStatus, ...]
) -> None:
    assert way_to(from_, end) == way


@pytest.mark.parametrize(("from_", "to"), list(product(DisputeStage, DisputeStage)))
def test_stages_only_go_up(from_: DisputeStage, to: DisputeStage) -> None:
    """PM58."""
    order = [PRE, DISPUTE, ARBITRATION]
    assert rises(from_, to) is (order.index(to) > order.index(from_))


@pytest.mark.parametrize(("stage", "status"), list(product(DisputeStage, DisputeStatus)))
def test_the_money_is_out_from_a_dispute_on_until_it_is_won_or_cancelled(
    stage: DisputeStage, status: DisputeStatus
) -> None:
    """PM50-PM56, the column "money"."""
    assert money_is_out(stage, status) is (stage is not PRE and status not in {CANCELLED, WON})


def test_open_is_what_is_still_to_be_decided() -> None:
    assert [status for status in DisputeStatus if is_open(status)] == [OPENED, CHALLENGED]


@pytest.mark.parametrize(("late_s", "asked", "status"), [
    (-1, None, OPENED),
    (0, None, EXPIRED),  # PM53: the deadline itself is too late
    (1, None, EXPIRED),
    (1, "challenge", OPENED),  # asked in time: it is the processor who has not answered
])  # fmt: skip
def test_a_deadline_is_exact(late_s: int, asked: str | None, status: DisputeStatus) -> None:
    respond_by = NOW - timedelta(seconds=late_s)
    assert status_at(OPENED, respond_by, asked, NOW) is status


def test_only_an_open_dispute_has_a_deadline() -> None:
    for status in set(DisputeStatus) - {OPENED}:
        assert status_at(status, NOW, None, NOW) is status
    assert status_at(OPENED, None, None, NOW) is OPENED
