"""What a ranking is made of: the larger swing, shares of the best that fits, a wish that says nothing."""

from __future__ import annotations

from dataclasses import replace

import pytest

from market.assets.publication import AssetPublication
from market.register.discovery import RankingWeights, UnitWish, discover, swing_w
from market.register.lifecycle import UnitState
from market.register.units import RegisteredUnit, UnitLimit
from tests.market.ledgers import DAY, START

NO_WEIGHTS = RankingWeights(0, 0, 0, 0, 0)


def unit(name: str, up_w: int = 100, down_w: int = 0, **more: object) -> RegisteredUnit:
    """A unit that raises by the whole of its consumption, or only lowers where it cannot raise."""
    asset = AssetPublication(name, "battery", "a.example", f"ean.{name}", "ea1.2026-01.example:mv", up_w, down_w)
    return RegisteredUnit(replace(asset, **more), "agr.example", UnitState.PREQUALIFIED)  # type: ignore[arg-type]


@pytest.mark.parametrize(("up", "down"), [(True, False), (False, True), (True, True)])
def test_the_larger_swing_counts_in_whichever_direction(up: bool, down: bool) -> None:
    """A unit that can only lower is worth what one is that can only raise."""
    assert swing_w(unit("a", 300, -200, can_increase=up, can_decrease=down)) == 500


def test_a_limit_counts_in_the_swing() -> None:
    """Limited to 20 W up and 70 W down: 70 W."""
    limited = replace(unit("a", 300, -200), limit=UnitLimit(20, -70, START + DAY))
    assert swing_w(limited) == 70
    found = discover([limited], UnitWish(decrease_w=-71), RankingWeights(), {})
    assert found.passed_over == {"a": "decrease: 70 W; wanted 71 W or more"}


@pytest.mark.parametrize(
    ("name", "better", "worse", "shares"),
    [
        ("power", {"max_consumption_w": 400}, {"max_consumption_w": 100}, (1.0, 0.25)),
        ("energy", {"capacity_wh": 400}, {"capacity_wh": 100}, (1.0, 0.25)),
        ("ramp", {"ramp_w_per_min": 400}, {"ramp_w_per_min": 300}, (1.0, 0.75)),
        ("price", {"cost_e4_per_kwh": 100}, {"cost_e4_per_kwh": 400}, (0.75, 0.0)),
    ],
)
def test_each_weight_is_of_its_own_characteristic(
    name: str, better: dict[str, object], worse: dict[str, object], shares: tuple[float, float]
) -> None:
    """With one weight of 10 and the others 0 the score is ten times that share, and the better unit comes first."""
    weights = replace(NO_WEIGHTS, **{name: 10})
    found = discover([unit("a", **worse), unit("b", **better)], UnitWish(), weights, {})  # type: ignore[arg-type]
    assert [one.unit.asset.name for one in found.ranked] == ["b", "a"]
    assert [one.score for one in found.ranked] == [10 * share for share in shares]


def test_reliability_is_what_was_delivered_and_half_without_a_record() -> None:
    """0, 50, 100 % and unknown: the unknown one stands with who delivered half, in order of name."""
    units = [unit(name) for name in "dcba"]
    found = discover(units, UnitWish(), replace(NO_WEIGHTS, reliability=4), {"a": 0, "b": 100, "d": 50})
    assert [(one.unit.asset.name, one.score) for one in found.ranked] == [("b", 4), ("c", 2), ("d", 2), ("a", 0)]
    why = {one.unit.asset.name: one.terms[3].why for one in found.ranked}
    assert why["a"] == "delivered 0 % of what was ordered"
    assert why["c"] == "no record yet, counts half"


def test_a_unit_without_a_record_passes_any_wish_for_reliability() -> None:
    """Nobody is shut out for being new; one that delivered 99 % of a wished 100 % is."""
    found = discover([unit("new"), unit("old")], UnitWish(reliability_pct=100), RankingWeights(), {"old": 99})
    assert [one.unit.asset.name for one in found.ranked] == ["new"]
    assert found.passed_over == {"old": "reliability: 99 %; wanted 100 % or more"}


def test_where_nobody_has_any_of_it_it_counts_nothing_and_the_free_are_the_cheapest() -> None:
    """No storage, no ramp told, no price: shares of 0, 0 and 1, and nothing is divided by nothing."""
    (found,) = discover([unit("a", 0)], UnitWish(), RankingWeights(1, 1, 1, 0, 1), {}).ranked
    assert [term.share for term in found.terms] == [0.0, 0.0, 0.0, 0.5, 1.0]
    assert found.score == 1.0


@pytest.mark.parametrize("name", ["increase_w", "capacity_wh", "ramp_w_per_min", "reliability_pct"])
def test_a_wish_of_nothing_is_no_wish(name: str) -> None:
    """A unit that can do nothing at all fits a wish that says nothing, and none that asks for a single unit of anything."""
    nothing = unit("a", 0)
    assert len(discover([nothing], UnitWish(), RankingWeights(), {"a": 0}).ranked) == 1
    assert getattr(UnitWish(), name) == 0
    wish = replace(UnitWish(), **{name: 1})
    assert discover([nothing], wish, RankingWeights(), {"a": 0}).ranked == ()


def test_shares_are_of_those_that_fit() -> None:
    """The largest of all does not fit the wish: the best among the others has the whole share."""
    units = [unit("huge", 10_000, cost_e4_per_kwh=900), unit("fits", 500, cost_e4_per_kwh=100)]
    found = discover(units, UnitWish(price_e4_per_kwh=100), replace(NO_WEIGHTS, power=3), {})
    assert [(one.unit.asset.name, one.score) for one in found.ranked] == [("fits", 3.0)]
    assert found.passed_over == {"huge": "price: 9 ct/kWh; wanted 1 ct/kWh or less"}
    assert discover([], UnitWish(), RankingWeights(), {}).ranked == ()
