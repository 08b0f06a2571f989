"""The status machine of sources over every pair of a status and a trigger (SR1-SR13)."""

from itertools import product

import pytest

from saifu.refusals import ErrorCode, Refusal
from saifu.sources.kinds import KINDS, SourceFlow, SourceStatus, SourceType, SourceUsage
from saifu.sources.machine import MOVES, Trigger, move

TABLE = {
    # SR3, SR4, SR5
    ("pending", "completed"): ("chargeable", "source.chargeable"),
    ("pending", "refused"): ("failed", "source.failed"),
    ("pending", "lapsed"): ("canceled", "source.canceled"),
    # SR6 and SR7, SR9 and SR10, SR11, SR12
    ("chargeable", "charged"): ("consumed", None),
    ("chargeable", "detached"): ("consumed", "customer.source.deleted"),
    ("chargeable", "lapsed"): ("canceled", "source.canceled"),
    ("chargeable", "hopeless"): ("failed", "source.failed"),
}


@pytest.mark.parametrize(("status", "trigger"), list(product(SourceStatus, Trigger)))
def test_there_is_a_way_exactly_where_the_table_has_one(status: SourceStatus, trigger: Trigger) -> None:
    """SR13: any other transition is a conflict."""
    expected = TABLE.get((status.value, trigger.value))
    if expected is None:
        with pytest.raises(Refusal) as caught:
            move(status, trigger)
        assert caught.value.code is ErrorCode.SOURCE_STATE_CONFLICT
    else:
        found = move(status, trigger)
        assert (found.to.value, found.event and found.event.value) == expected


def test_nothing_leads_out_of_an_end() -> None:
    ends = {SourceStatus.CONSUMED, SourceStatus.FAILED, SourceStatus.CANCELED}
    assert not [pair for pair in MOVES if pair[0] in ends]


def test_kinds_are_those_of_the_specification() -> None:
    """§2: what the types that are offered do, and which of them lapse without a charge (SR11)."""
    once, again = SourceUsage.SINGLE_USE, SourceUsage.REUSABLE
    assert {
        kind: (found.flow, found.usages[0], found.currencies, found.lapses)
        for kind, found in ((each.value, KINDS[each]) for each in SourceType)
        if kind in ("card", "sepa_debit", "ach_debit", "ideal", "ach_credit_transfer", "upi", "multibanco")
    } == {
        "card": (SourceFlow.NONE, again, (), False),
        "sepa_debit": (SourceFlow.NONE, again, ("EUR",), False),
        "ach_debit": (SourceFlow.CODE_VERIFICATION, again, ("USD",), False),
        "ideal": (SourceFlow.REDIRECT, once, ("EUR",), True),
        "ach_credit_transfer": (SourceFlow.RECEIVER, again, ("USD",), False),
        "upi": (SourceFlow.REDIRECT, once, ("INR",), True),
        "multibanco": (SourceFlow.RECEIVER, once, ("EUR",), True),
    }
    assert KINDS[SourceType.SEPA_DEBIT].limit_minor == 10_000_00
