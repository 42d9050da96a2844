"""Sizing: cycles as the standard counts them, days that stand for all, and the programme against hand-worked batteries."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agents.planning.islanding.rainflow import cycles, damage, reversals
from agents.planning.islanding.sizing import BatteryCosts, SizingDay, SizingTerms, size
from agents.planning.islanding.typical_days import typical_days
from cim.model.errors import BadInput

GOLDEN = Path(__file__).parents[1] / "golden" / "islanding" / "rainflow.json"


def test_the_standard_s_example_is_counted_as_the_standard_does() -> None:
    """ASTM E1049-85: half and whole cycles by range."""
    case = json.loads(GOLDEN.read_text(encoding="utf-8"))
    found: Counter[str] = Counter()
    for span, count in cycles(case["history"]):
        found[f"{span:.0f}"] += count  # type: ignore[assignment]
    assert dict(found) == case["cycles"]


def test_only_turning_points_count() -> None:
    """Values on the way and repeated values change nothing."""
    assert reversals([0, 1, 2, 2, 1, 1, 3]) == [0, 2, 1, 3]
    assert list(cycles([0, 0.5, 1, 1, 0.5, 0])) == list(cycles([0, 1, 0]))
    assert list(cycles([0.4])) == list(cycles([])) == []


def test_damage_by_hand() -> None:
    """One full cycle a day of 6,000 is 1/6,000; two half-deep ones with exponent 2 are half of that."""
    assert damage([0, 1, 0], 6000, 1.3) == pytest.approx(1 / 6000)
    assert damage([0, 0.5, 0, 0.5, 0], 6000, 2.0) == pytest.approx(0.5 / 6000)
    assert damage([0.3] * 5, 6000, 1.3) == 0.0


@settings(max_examples=100, deadline=None)
@given(st.lists(st.floats(0, 1), max_size=40))
def test_half_the_way_is_counted_in_cycles(series: list[float]) -> None:
    """Every rise and fall between turning points belongs to exactly one cycle: two ranges a cycle, one a half cycle."""
    points = reversals(series)
    way = sum(abs(b - a) for a, b in pairwise(points))
    assert sum(2 * count * span for span, count in cycles(series)) == pytest.approx(way, abs=1e-9)


def test_typical_days_of_two_kinds_are_one_of_each() -> None:
    """Six grey and four sunny days: one of each kind, with six and four days to stand for."""
    features = np.array([[0.0, 0.1 * k] for k in range(6)] + [[9.0, 0.1 * k] for k in range(4)])
    found = typical_days(features, 2)
    assert found.weights.tolist() == [6, 4]
    assert found.days[0] < 6 <= found.days[1]


def test_a_day_that_is_wanted_stands_for_itself() -> None:
    """The worst day is there once; all days are stood for; too few are refused."""
    rng = np.random.default_rng(1)
    found = typical_days(rng.random((50, 4)), 5, always=(7, 7, 30))
    assert {7, 30} <= set(found.days.tolist())
    assert found.weights[found.days == 7].tolist() == [1.0]
    assert found.weights.sum() == 50
    with pytest.raises(BadInput, match="typical days: 2; expected 3 to 50"):
        typical_days(rng.random((50, 4)), 2, always=(7, 30))


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 12), st.integers(0, 99))
def test_any_number_of_days_stands_for_all(count: int, seed: int) -> None:
    """Weights are at least one each and sum to all days, days are different ones, also where many are alike."""
    features = np.random.default_rng(seed).integers(0, 3, (12, 2)).astype(np.float64)
    found = typical_days(features, count)
    assert len(set(found.days.tolist())) == count
    assert found.weights.sum() == 12
    assert (found.weights >= 1).all()


NONE = np.zeros(0)
COSTS = BatteryCosts(per_kwh=100, per_kw=0.0, life_years=10, interest=0.0, wear_ct_per_kwh=0.0)
TERMS = SizingTerms(limit_kw=1e6, over_limit_ct=50, unserved_ct=1000, efficiency=1.0, usable=1.0, cell_years=10)


def day(buy_ct: tuple[float, float] = (10, 10), net_kw: tuple[float, float] = (40, 40)) -> SizingDay:
    """A day of two halves, which stands for a year of 300 days; no outages."""
    buy = np.repeat(buy_ct, 48)
    return SizingDay(
        300, np.repeat(net_kw, 48), buy, np.full(96, 5.0), np.zeros(0, dtype=np.int64), NONE, NONE, NONE, NONE
    )


def with_outage(chance: float, need_kwh: float, peak_kw: float, hours: float = 1.0) -> SizingDay:
    """One kind of outage at noon."""
    one = (np.array([value]) for value in (chance, need_kwh, peak_kw, hours))
    return replace(
        day(),
        outage_hour=np.array([12]),
        **dict(zip(("outage_chance", "need_kwh", "peak_kw", "hours"), one, strict=True)),
    )  # type: ignore[arg-type]


def test_the_annuity_by_hand() -> None:
    """Without interest a tenth a year; at 4 % over 15 years 8.99 %."""
    assert COSTS.annuity(10) == pytest.approx(0.1)
    assert replace(COSTS, interest=0.04).annuity(15) == pytest.approx(0.0899, abs=1e-4)


def test_no_battery_where_nothing_pays() -> None:
    """One price all day: nothing is bought, and the year costs what is drawn."""
    found = size((day(),), COSTS, TERMS)
    assert found.energy_kwh == pytest.approx(0)
    assert found.total == pytest.approx(40 * 24 * 300 * 0.10)


def test_a_spread_that_pays_is_used_whole() -> None:
    """10 EUR/kWh a year against 300 days of 20 ct: 60 EUR a kWh; all of the dear half is stored, 480 kWh."""
    found = size((day(buy_ct=(10, 30)),), replace(COSTS, per_kw=1), TERMS)
    assert found.energy_kwh == pytest.approx(480, rel=1e-6)
    assert found.power_kw == pytest.approx(40, rel=1e-6)
    assert found.exchange == pytest.approx(960 * 300 * 0.10)
    assert found.soc.max() == pytest.approx(1.0)
    dear = replace(COSTS, per_kwh=700)
    assert size((day(buy_ct=(10, 30)),), dear, TERMS).energy_kwh == pytest.approx(0)


def test_what_is_above_the_limit_pays_for_a_battery() -> None:
    """20 kW above for half a day: 240 kWh cost 50 ct each on 300 days, or 10 EUR a year each in a battery."""
    terms = replace(TERMS, limit_kw=40)
    peaky = day(net_kw=(20, 60))
    found = size((peaky,), COSTS, terms)
    assert found.over_limit_kwh == pytest.approx(0, abs=1e-6)
    assert found.energy_kwh == pytest.approx(240)
    without = size((peaky,), COSTS, terms, fixed=(0, 0))
    assert without.congestion == pytest.approx(240 * 300 * 0.50)


def test_outages_pay_for_energy_and_power() -> None:
    """A promised kWh not served is worth 10 EUR: a tenth of an outage a day pays for a battery, a ten-thousandth does not."""
    found = size((with_outage(0.1, 50, 30),), replace(COSTS, per_kw=50), TERMS)
    assert found.energy_kwh == pytest.approx(50)
    assert found.power_kw == pytest.approx(30)
    assert found.unserved == pytest.approx(0, abs=1e-6)
    rare = size((with_outage(1e-4, 50, 30),), replace(COSTS, per_kw=50), TERMS)
    assert rare.energy_kwh == pytest.approx(0)
    assert rare.unserved == pytest.approx(300 * 1e-4 * 10 * (50 + 30 / 2))


def test_a_given_battery_is_taken_as_it_is() -> None:
    """Fixed sizes are kept, cost their annuity, and are never cheaper than the best."""
    days = (day(buy_ct=(10, 30)),)
    fixed = size(days, COSTS, TERMS, fixed=(100, 20))
    assert (fixed.energy_kwh, fixed.power_kw) == (pytest.approx(100), pytest.approx(20))
    assert fixed.invest == pytest.approx(1000)
    assert fixed.total >= size(days, COSTS, TERMS).total - 1e-6


def test_cells_give_no_more_than_their_life_allows() -> None:
    """150 times its energy a year on 300 days: half a cycle a day, from a battery of any size."""
    worn = replace(COSTS, wear_ct_per_kwh=0.01)  # so that nothing is cycled for nothing
    found = size((day(buy_ct=(10, 30)),), worn, replace(TERMS, cycles=150), fixed=(100, 20))
    assert found.given_kwh == pytest.approx(150 * 100)
    assert size((day(buy_ct=(10, 30)),), worn, TERMS, fixed=(100, 20)).given_kwh == pytest.approx(300 * 100)


def test_wear_holds_back_cycling() -> None:
    """Where a kWh given wears more than the spread, nothing is given."""
    worn = replace(COSTS, wear_ct_per_kwh=25)
    found = size((day(buy_ct=(10, 30)),), worn, TERMS, fixed=(100, 20))
    assert found.given_kwh == pytest.approx(0, abs=1e-6)
