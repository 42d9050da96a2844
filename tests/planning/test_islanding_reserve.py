"""What an outage needs from the battery, by hand and by trial; and the reserve that follows for a confidence."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agents.planning.islanding.need import need_of_pieces
from agents.planning.islanding.reserve import (
    expected_chances,
    needs_wh,
    power_reserve_w,
    reserve_wh,
    served_chances,
)
from cim.model.arrays import Floats

BATTERY_W = 10_000.0


@pytest.mark.parametrize(
    ("short_kw", "needed_wh"),
    [
        ([4], 1000 / 0.9),  # a quarter of an hour at 4 kW, through discharging at 0.9
        ([4, 4], 2000 / 0.9),
        ([-4], 0.0),  # more is generated than drawn
        ([-4, 4], 1000 / 0.9 - 1000 * 0.9),  # the sun of the first quarter-hour helps, after charging at 0.9
        ([4, -4], 1000 / 0.9),  # it does not when it comes too late
        ([-40, 4], 0.0),  # 10 kW at most are charged: more than enough
        ([-2, 8], 2000 / 0.9 - 500 * 0.9),
        ([4, -4, 8], 1000 / 0.9 + 2000 / 0.9 - 900),
        ([2, 11], np.inf),  # no energy makes up for power
    ],
)
def test_the_need_by_hand(short_kw: list[float], needed_wh: float) -> None:
    """Going back from the end: shortage is added, surplus is taken off, never below nothing."""
    short_w = np.array(short_kw, dtype=np.float64) * 1000
    assert need_of_pieces(short_w, np.full(short_w.size, 0.25), BATTERY_W, 0.9) == pytest.approx(needed_wh)


shortages = st.lists(st.floats(-15_000, 9_999), min_size=1, max_size=20)


def lasts(stored_wh: float, short_w: Floats) -> bool:
    """Whether a battery with so much energy (and unbounded room) gets through, step by step."""
    for power_w in short_w.tolist():
        if power_w > 0:
            stored_wh -= power_w * 0.25 / 0.9
        else:
            stored_wh += min(-power_w, BATTERY_W) * 0.25 * 0.9
        if stored_wh < -1e-6:
            return False
    return True


@settings(max_examples=200, deadline=None)
@given(shortages)
def test_the_need_is_enough_and_nothing_less_is(short: list[float]) -> None:
    """With the need the outage is survived step by step; with a watt-hour less it is not."""
    short_w = np.array(short)
    needed_wh = need_of_pieces(short_w, np.full(short_w.size, 0.25), BATTERY_W, 0.9)
    assert lasts(needed_wh, short_w)
    if needed_wh > 1.0:
        assert not lasts(needed_wh - 1.0, short_w)


@settings(max_examples=50, deadline=None)
@given(shortages, st.floats(60, 6000))
def test_needs_of_all_beginnings_are_those_of_each(short: list[float], seconds: float) -> None:
    """The compiled table says of each beginning what its pieces say, the last one cut."""
    short_w = np.array(short)
    table = needs_wh(short_w, np.array([seconds]), BATTERY_W, 0.9)
    for quarter in range(short_w.size):
        whole, rest = divmod(seconds, 900.0)
        at = np.minimum(quarter + np.arange(int(whole) + 1), short_w.size - 1)
        hours = np.array([0.25] * int(whole) + [rest / 3600])
        assert table[quarter, 0] == pytest.approx(need_of_pieces(short_w[at], hours, BATTERY_W, 0.9), abs=1e-6)


def test_power_beyond_the_battery_counts_only_while_the_outage_lasts() -> None:
    """Ten minutes end before the quarter-hour with 20 kW begins; twenty do not."""
    table = needs_wh(np.array([4_000.0, 20_000.0]), np.array([600.0, 1200.0]), BATTERY_W, 1.0)
    assert table[0, 0] == pytest.approx(4_000 / 6)
    assert np.isinf(table[0, 1])
    assert np.isinf(table[1]).all()


LEVELS = np.array([0.0, 100.0, 200.0, 300.0])


def test_chances_by_hand() -> None:
    """Three kinds of outage; the one beyond the battery is left out, the others count by their weights."""
    needs, weights = np.array([[50.0, 250.0, 400.0]]), np.array([[3.0, 1.0, 6.0]])
    chance, possible = served_chances(needs, weights, LEVELS)
    assert chance.tolist() == [[0.0, 0.75, 0.75, 1.0]]
    assert possible.tolist() == [4.0]
    assert reserve_wh(chance, LEVELS, 0.75).tolist() == [100.0]
    assert reserve_wh(chance, LEVELS, 0.76).tolist() == [300.0]
    assert reserve_wh(chance, LEVELS, 0.0).tolist() == [0.0]


def test_where_nothing_is_possible_nothing_is_held() -> None:
    """No energy helps against missing power: the chance counts as one, with no weight."""
    chance, possible = served_chances(np.array([[np.inf]]), np.array([[1.0]]), LEVELS)
    assert chance.tolist() == [[1.0] * 4]
    assert possible.tolist() == [0.0]
    assert reserve_wh(chance, LEVELS, 0.99).tolist() == [0.0]


@settings(max_examples=50, deadline=None)
@given(st.lists(st.floats(0, 500), min_size=1, max_size=30), st.floats(0.01, 0.99))
def test_more_confidence_never_holds_less(needs: list[float], confidence: float) -> None:
    """Chances rise with the level, reserves with the confidence, and the reserve is enough for its confidence."""
    chance, _ = served_chances(np.array([needs]), np.ones((1, len(needs))), LEVELS)
    assert (np.diff(chance) >= -1e-12).all()
    low, high = reserve_wh(chance, LEVELS, confidence), reserve_wh(chance, LEVELS, min(0.999, confidence + 0.3))
    assert (low <= high).all()
    if min(needs) <= LEVELS[-1]:
        assert chance[0, np.searchsorted(LEVELS, low[0])] >= confidence - 1e-9


def test_what_is_expected_comes_from_earlier_days_alone() -> None:
    """Two days before at the same time, weighted; the future may be anything."""
    rng = np.random.default_rng(7)
    chance = np.sort(rng.random((96 * 6, 4)), axis=1)
    possible = rng.random(96 * 6)
    expected, weight = expected_chances(chance, possible, (2, 3))
    at = 96 * 4 + 10
    two, three = at - 192, at - 288
    total = possible[two] + possible[three]
    assert expected[at] == pytest.approx((chance[two] * possible[two] + chance[three] * possible[three]) / total)
    assert weight[at] == pytest.approx(total / 2)
    assert (expected[:96] == 1.0).all()
    changed = chance.copy()
    changed[at - 96 :] = 0.0
    again, _ = expected_chances(changed, possible, (2, 3))
    assert again[at].tolist() == expected[at].tolist()


def test_the_power_reserve_is_a_quantile_of_earlier_days() -> None:
    """Of four days at 1, 2, 3 and 4 kW the median is 2.5 kW; before any is known, nothing."""
    short_w = np.repeat([1_000.0, 2_000.0, 3_000.0, 4_000.0, -9.0], 96)
    found = power_reserve_w(short_w, (1, 2, 3, 4), 0.5)
    assert found[4 * 96] == pytest.approx(2_500)
    assert found[0] == 0.0
