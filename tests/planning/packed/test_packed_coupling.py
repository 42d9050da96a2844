"""The shared costs: what a sum costs, caps hard as long as they can be kept, and a true lower bound at every price."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agents.planning.dispatch.packed.coupling import SOFTEST_KW, CapBroken, Coupling
from cim.codec.codec import decode, encode
from cim.model.arrays import Floats
from cim.model.errors import BadInput

PRICE = np.array([10.0, -5.0, 0.0])
CAPPED = Coupling(PRICE, 2.0, np.array([3.0, 3.0, 0.0]), np.array([2.0, 0.0, 0.0]), 0.5, 100.0)
sums_kw = st.lists(st.floats(-20, 20), min_size=3, max_size=3).map(np.array)
prices = st.lists(st.floats(-400, 400), min_size=3, max_size=3).map(np.array)


def test_a_sum_costs_what_is_worked_out_by_hand() -> None:
    """Energy 25, peak 20, one kW beyond 3 kW: 50 at its price and 50/3/2 for its square."""
    assert CAPPED.cost_ct(np.array([4.0, -2.0, 0.0])) == pytest.approx(
        25 + 20 + 50 + 50 / 6 + 2 * 50 + (50 / SOFTEST_KW) * 4 / 2
    )
    assert CAPPED.cost_ct(np.array([3.0, 0.0, 0.0])) == pytest.approx(15 + 9)


@settings(max_examples=40, deadline=None)
@given(price=prices, other=sums_kw, wished=sums_kw, weight=st.sampled_from([0.0, 0.7, 30.0]))
def test_no_other_sum_is_as_good(price: Floats, other: Floats, wished: Floats, weight: float) -> None:
    """Any other sum is dearer by at least the curvature of the way between; unweighted, the least is the bound told."""

    def worth(z: Floats) -> float:
        return CAPPED.cost_ct(z) - 0.5 * float(price @ z) + weight / 2 * float(np.sum((z - wished) ** 2))

    z, _ = CAPPED.nearest(wished, price * 0.5, weight)
    assert worth(other) - worth(z) >= (CAPPED.peak_ct_per_kw2 + weight) / 2 * float(np.sum((other - z) ** 2)) - 1e-7
    if not weight:
        assert CAPPED.least_ct(price) == pytest.approx(worth(z), abs=1e-9)


@pytest.mark.parametrize(
    ("pull", "slope"),
    [(7.0, 1 / 2.5), (200.0, 1 / (2.5 + 50 / 3)), (20.0, 0.0), (-4.0, 0.0), (-90.0, 1 / (2.5 + 25))],
)
def test_the_nearest_sum_moves_as_it_says(pull: float, slope: float) -> None:
    """Free, beyond the import cap, at it, at the export cap, beyond it: the slope by hand is the told and the found one."""
    wished, step = np.zeros(3), 1e-4
    told = CAPPED.nearest(wished, np.full(3, pull), 0.5)[1]
    ends = [CAPPED.nearest(wished, np.full(3, pull + d), 0.5)[0] for d in (-step, step)]
    assert told[0] == pytest.approx(slope)
    assert np.abs((ends[1] - ends[0]) / (2 * step) - told).max() < 1e-8


def test_a_cap_of_nothing_holds_until_the_excess_price_is_reached() -> None:
    """With both caps 0 the supply is exactly 0 at any price up to the excess price, and only then a little more."""
    for price in (-100.0, 0.0, 100.0):
        z, slope = CAPPED.supply(np.full(3, price))
        assert (z[2], slope[2]) == (0.0, 0.0)
    beyond, _ = CAPPED.supply(np.full(3, 120.0))
    assert beyond[2] == pytest.approx((60 - 50) / (2 + 50 / SOFTEST_KW))


def test_without_caps_the_supply_is_the_price_over_the_peak_cost() -> None:
    """Infinite caps are none: 2000 ct/kW over a curvature of 2, and the least is minus its square over twice that."""
    free = Coupling(PRICE, 2.0, np.full(3, np.inf), np.full(3, np.inf), 0.5)
    assert np.array(free.supply(PRICE + 4000)) == pytest.approx(np.repeat([[1000.0], [0.25]], 3, axis=1))
    assert free.least_ct(PRICE + 4000) == pytest.approx(-3 * 2000**2 / 4)


def test_a_cap_exactly_reached_is_kept_and_what_is_beyond_is_named_in_order() -> None:
    """At the caps nothing is broken; beyond them interval, side, cap and excess are told, and cross the wire."""
    assert CAPPED.broken(np.array([3.0, 0.0, 0.0])) == ()
    assert CAPPED.broken(np.array([-2.0, 3.0, 1e-6])) == ()
    broken = CAPPED.broken(np.array([3.5, -0.25, 0.125]))
    assert broken == (
        CapBroken(0, "import", 3.0, 0.5),
        CapBroken(1, "export", 0.0, 0.25),
        CapBroken(2, "import", 0.0, 0.125),
    )
    assert decode(encode(broken[1])) == broken[1]
    assert [b.isp for b in CAPPED.broken(np.array([3.5, -0.25, 0.125]), tolerance_kw=0.3)] == [0]


def test_tightened_caps_leave_room_and_change_nothing_else() -> None:
    """A tenth less of both caps: what just keeps them keeps the true ones with a tenth to spare, at the same prices."""
    tight = CAPPED.tightened(0.1)
    assert tight.import_kw == pytest.approx([2.7, 2.7, 0.0])
    assert tight.export_kw == pytest.approx([1.8, 0.0, 0.0])
    assert (tight.peak_ct_per_kw2, tight.excess_ct_per_kwh, tight.hours) == (2.0, 100.0, 0.5)
    assert tight.price_ct_per_kwh is PRICE
    assert np.array_equal(CAPPED.tightened(0.0).import_kw, CAPPED.import_kw)


@pytest.mark.parametrize(
    ("imports", "exports", "said"),
    [
        ([1.0], [1.0, 1.0], "import_kw has 1 intervals; expected 2"),
        ([1.0, 1.0], [1.0, 1.0, 1.0], "export_kw has 3 intervals; expected 2"),
        ([0.0, -0.5], [1.0, 1.0], r"import_kw\[1\] is -0.5; expected 0 or more"),
        ([0.0, 0.0], [np.nan, 1.0], r"export_kw\[0\] is nan; expected 0 or more"),
    ],
)
def test_wrong_caps_are_refused_by_name(imports: list[float], exports: list[float], said: str) -> None:
    """Too few, too many, negative or no number: the sentence names the field, the interval and what was expected."""
    with pytest.raises(BadInput, match=said):
        Coupling(np.ones(2), 1.0, np.array(imports), np.array(exports), 0.25)


@pytest.mark.parametrize(
    ("name", "value"),
    [("price_ct_per_kwh", np.array([1.0, np.nan])), ("hours", 0.0), ("hours", np.nan), ("excess_ct_per_kwh", -1.0),
     ("peak_ct_per_kw2", np.inf)],
)  # fmt: skip
def test_what_cannot_be_coupled_is_refused(name: str, value: object) -> None:
    """A price that is no number, no time, an excess that earns: one sentence with the field."""
    with pytest.raises(BadInput, match=f"coupling: {name}"):
        replace(Coupling(np.ones(2), 1.0, np.ones(2), np.ones(2), 0.25), **{name: value})
