"""Network-aware clearing: limits of the grid as data, prices by place, whole numbers."""

from __future__ import annotations

import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cim.model.errors import BadInput
from market.mechanisms.bids import Bid, Bids
from market.mechanisms.mechanism import Setting
from market.mechanisms.network import NetworkLimits
from market.mechanisms.network_aware import NetworkAware
from market.mechanisms.uniform_price import UniformPrice
from market.negotiation.concession import Side
from tests.worlds.bids import buyer, linear, random_market, seller

# Needs at a village below a feeder: what is sold in the village relieves both, what is sold at the feeder only that.
TREE = NetworkLimits(
    ("village", "feeder"),
    ("need:village", "need:feeder", "village", "feeder"),
    ((1.0, 0.0, 1.0, 0.0), (0.0, 1.0, 1.0, 1.0)),
    (0, 0),
)


def setting(limits: NetworkLimits = TREE) -> Setting:
    """With the tests' solver."""
    return Setting(limits=limits, solver=linear)


def test_one_sale_serves_both_points_and_is_paid_by_both() -> None:
    """Village 4, feeder 10; village sellers at 20, feeder sellers at 15, both ample.

    The village must buy its 4 there, which the feeder has as well; the other 6 are bought at the feeder. Prices: 15 at the
    feeder, so the village pays 20 - 15 = 5: together 4 x 20 + 6 x 15 = 170 = 4 x 5 + 10 x 15.
    """
    rows = [buyer("v", 4, 90, "need:village"), buyer("f", 10, 90, "need:feeder"),
            seller("low", 50, 20, "village"), seller("high", 50, 15, "feeder")]  # fmt: skip
    found = NetworkAware().clear(Bids.of(rows), setting())
    assert found.quantity_wh.tolist() == [4, 10, 4, 6]
    assert found.amount_e7.tolist() == [20, 150, 80, 90]
    assert found.surplus_e7 == 0


def test_a_full_line_earns_its_price() -> None:
    """Seller at 10 behind a line of 6, seller at 30 beside the buyer of 10: the line's 6 Wh earn 20 each."""
    limits = NetworkLimits(("balance", "line"), ("here", "there"), ((1.0, 1.0), (0.0, -1.0)), (0, 6))
    rows = [buyer("b", 10, 50, "here"), seller("far", 20, 10, "there"), seller("near", 20, 30, "here")]
    found = NetworkAware().clear(Bids.of(rows), setting(limits))
    assert found.quantity_wh.tolist() == [10, 6, 4]
    assert found.amount_e7.tolist() == [300, 60, 120]
    assert found.surplus_e7 == 6 * 20


@pytest.mark.parametrize("seed", range(10))
def test_without_limits_it_is_a_uniform_price(seed: int) -> None:
    """At one place the gains and volume are those of the uniform price, and the price clears the market."""
    bids = random_market(seed)
    found, uniform = NetworkAware().clear(bids, Setting(solver=linear)), UniformPrice().clear(bids)
    assert (found.traded_wh, found.gains_e7) == (uniform.traded_wh, uniform.gains_e7)
    low, high = (UniformPrice(k).clear(bids).paid_e7 for k in (0, 100))
    assert low <= found.paid_e7 <= high


PLACES = {Side.BUYER: ("need:village", "need:feeder"), Side.SELLER: ("village", "feeder")}


@st.composite
def districts(draw: st.DrawFn) -> Bids:
    """A few bids at the places of the tree."""
    sides = draw(st.lists(st.sampled_from(Side), max_size=9))
    return Bids.of(
        Bid(f"p{n}", side, draw(st.integers(1, 30)), draw(st.integers(-5, 60)), draw(st.sampled_from(PLACES[side])))
        for n, side in enumerate(sides)
    )


@given(bids=districts(), rooms=st.tuples(st.integers(0, 20), st.integers(0, 20)))
def test_on_a_tree_limits_and_bids_are_kept_and_money_is_left_at_most(bids: Bids, rooms: tuple[int, int]) -> None:
    """No row is taken beyond its room, nobody trades against its bid, and nothing has to be added."""
    limits = NetworkLimits(TREE.rows, TREE.points, TREE.share, rooms)
    found = NetworkAware().clear(bids, setting(limits))
    taken = limits.columns(bids.points) @ np.where(bids.buys, found.quantity_wh, -found.quantity_wh)
    assert (taken <= rooms).all()
    assert (found.quantity_wh >= 0).all()
    assert (found.quantity_wh <= bids.quantity_wh).all()
    worth = found.quantity_wh * bids.price_e4
    assert (np.where(bids.buys, worth - found.amount_e7, found.amount_e7 - worth) >= 0).all()
    assert found.surplus_e7 >= 0
    assert found.gains_e7 >= 0


@given(bids=districts(), shares=st.lists(st.floats(-1.0, 1.0), min_size=4, max_size=4), room=st.integers(0, 20))
def test_shares_that_are_no_whole_numbers_are_kept_in_whole_watt_hours(
    bids: Bids, shares: list[float], room: int
) -> None:
    """Whatever a row weighs, the rounded trades are within it."""
    limits = NetworkLimits((*TREE.rows, "line"), TREE.points, (*TREE.share, tuple(shares)), (0, 0, room))
    found = NetworkAware().clear(bids, setting(limits))
    taken = limits.columns(bids.points) @ np.where(bids.buys, found.quantity_wh, -found.quantity_wh)
    assert (taken <= np.array([0, 0, room]) + 1e-5).all()


def test_without_a_solver_it_says_so() -> None:
    """The market has none of its own."""
    with pytest.raises(BadInput, match="network-aware: no solver; expected a linear one"):
        NetworkAware().clear(random_market(1))


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: NetworkLimits(("r",), ("p",), (), (0,)), "limits: 0 rows of shares, 1 rooms; expected 1 each"),
        (lambda: NetworkLimits(("r",), ("p",), ((1.0, 2.0),), (0,)), "limits: row 'r' has 2 shares; expected 1"),
        (lambda: NetworkLimits(("r",), ("p",), ((1.0,),), (-1,)), "limits: row 'r' has a room of -1 Wh; expected at least 0"),
        (lambda: TREE.columns(("village", "town")), "limits: point 'town' is unknown; expected one of 'need:village', "),
    ],
)  # fmt: skip
def test_limits_that_do_not_fit_are_named(make: object, words: str) -> None:
    """Which row or place, which value, what was expected."""
    assert callable(make)
    with pytest.raises(BadInput, match=re.escape(words)):
        make()
