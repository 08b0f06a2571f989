"""W62: taking a refund out of a wallet again."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from saifu.ledger.entries import Funding
from saifu.ledger.lots import Draw, LotState, draw_back

NOW = datetime(2026, 1, 10, tzinfo=UTC)


def a_lot(name: str, remaining: int, funding: Funding = Funding.PAID) -> LotState:
    return LotState(name, funding, 10_000, remaining, None, NOW)


def test_it_comes_from_the_lots_that_got_it() -> None:
    found = [a_lot("lot_1", 500), a_lot("lot_2", 300), a_lot("lot_0", 900, Funding.PROMOTIONAL)]
    assert draw_back(found, {"lot_1": 100, "lot_2": 50}, 150, NOW) == (Draw("lot_1", 100), Draw("lot_2", 50))


def test_what_was_spent_of_it_comes_from_the_others_in_the_usual_order() -> None:
    """W70: promotional before paid."""
    found = [a_lot("lot_1", 20), a_lot("lot_2", 300), a_lot("lot_0", 900, Funding.PROMOTIONAL)]
    assert draw_back(found, {"lot_1": 100}, 100, NOW) == (Draw("lot_0", 80), Draw("lot_1", 20))


@pytest.mark.parametrize("amount", [0, 821])
def test_nothing_and_too_much_are_faults(amount: int) -> None:
    with pytest.raises(ValueError, match="minor unit"):
        draw_back([a_lot("lot_1", 20), a_lot("lot_2", 800)], {}, amount, NOW)


@given(st.lists(st.tuples(st.integers(0, 100), st.integers(0, 100)), min_size=1, max_size=6), st.data())
def test_it_always_adds_up_and_no_lot_gives_more_than_it_has(
    lots: list[tuple[int, int]], data: st.DataObject
) -> None:
    held = {f"lot_{n}": remaining for n, (remaining, _) in enumerate(lots)}
    given_to = {f"lot_{n}": got for n, (_, got) in enumerate(lots)}
    if not sum(held.values()):
        return
    amount = data.draw(st.integers(1, sum(held.values())))
    draws = draw_back([a_lot(name, left) for name, left in held.items()], given_to, amount, NOW)
    assert sum(draw.amount_minor for draw in draws) == amount
    assert all(0 < draw.amount_minor <= held[draw.lot_id] for draw in draws)
    assert len({draw.lot_id for draw in draws}) == len(draws)
