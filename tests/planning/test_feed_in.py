"""How far feed-in is limited so that the mean of an ISP stays within what a congestion point may carry."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.planning.grid_safety.feed_in import PlantFeedIn, PointIsp, feed_in_shares

POINT = PointIsp(
    allowed_va=100.0, power_w=-150.0, reactive_var=0.0, mean_w=0.0, elapsed=0.0, step=1 / 3, plants=("a", "b")
)
PLANTS = {"a": PlantFeedIn(100.0, 100.0, 100.0), "b": PlantFeedIn(100.0, 50.0, 50.0)}


def fed_in(shares: dict[str, float | None], plants: dict[str, PlantFeedIn]) -> dict[str, float]:
    """What each feeds in under its share."""
    limits = {name: math.inf if share is None else share * plants[name].rated_w for name, share in shares.items()}
    return {name: min(plant.could_w, limits[name]) for name, plant in plants.items()}


def test_two_plants_of_one_rating_share_what_the_point_may_carry() -> None:
    """150 W of feed-in where 100 may flow: half of its rating each, exactly what is there."""
    shares = feed_in_shares([POINT], PLANTS, waits=False)
    assert shares == {"a": 0.5, "b": 0.5}
    assert sum(fed_in(shares, PLANTS).values()) == 100.0


def test_who_needs_less_leaves_the_rest_to_the_others() -> None:
    """A plant in the shade (20 of 100 W) is not limited by its share; the other one has 80."""
    plants = {"a": PLANTS["a"], "b": PlantFeedIn(100.0, 20.0, 20.0)}
    shares = feed_in_shares([replace(POINT, power_w=-120.0)], plants, waits=False)
    assert fed_in(shares, plants) == {"a": 80.0, "b": 20.0}


def test_who_has_a_minimum_keeps_it_and_the_others_give_up_more() -> None:
    """100 of 150 W may flow; one may always feed in 70: it has those, the other the 30 that are left."""
    plants = {"a": replace(PLANTS["a"], least_w=70.0), "b": PLANTS["b"]}
    shares = feed_in_shares([POINT], plants, waits=False)
    assert fed_in(shares, plants) == pytest.approx({"a": 70.0, "b": 30.0})


def test_where_all_are_at_their_minimum_no_more_is_taken() -> None:
    """70 and 40 W are more than the point may carry: so it is, and nobody is below."""
    plants = {"a": replace(PLANTS["a"], least_w=70.0), "b": replace(PLANTS["b"], least_w=40.0)}
    shares = feed_in_shares([POINT], plants, waits=False)
    assert fed_in(shares, plants) == {"a": 70.0, "b": 40.0}


@given(st.lists(st.tuples(st.floats(1e3, 1e5), st.floats(0, 1), st.floats(0, 1)), min_size=1, max_size=5))
def test_no_connection_is_limited_below_its_minimum(rows: list[tuple[float, float, float]]) -> None:
    """Whatever the point may carry; and within it wherever the minimums leave that."""
    plants = {
        str(k): PlantFeedIn(rated, rated * could, rated * could, rated * least)
        for k, (rated, could, least) in enumerate(rows)
    }
    power_w = -sum(plant.now_w for plant in plants.values())
    point = PointIsp(2e4, power_w, 0.0, 0.0, 0.0, 1 / 3, tuple(plants))
    found = fed_in(feed_in_shares([point], plants, waits=False), plants)
    assert all(found[name] >= min(p.least_w, p.could_w) - 1e-6 for name, p in plants.items())
    least = sum(min(p.least_w, p.could_w) for p in plants.values())
    assert sum(found.values()) <= max(2e4, least) + 1e-3


def test_what_was_too_much_in_a_third_is_made_up_in_the_rest() -> None:
    """150 W in the first third of the ISP: 75 W in the other two thirds make a mean of 100."""
    point = replace(POINT, mean_w=-150.0, elapsed=1 / 3)
    assert sum(fed_in(feed_in_shares([point], PLANTS, waits=False), PLANTS).values()) == pytest.approx(75.0)


def test_reactive_power_takes_its_part() -> None:
    """Of 100 VA, 60 var leave 80 W."""
    shares = feed_in_shares([replace(POINT, reactive_var=60.0)], PLANTS, waits=False)
    assert sum(fed_in(shares, PLANTS).values()) == pytest.approx(80.0)


def test_within_the_limit_nothing_is_limited() -> None:
    """Also where plants that are limited now could give all they have."""
    plants = {"a": PlantFeedIn(100.0, 20.0, 60.0), "b": PLANTS["b"]}
    assert feed_in_shares([replace(POINT, power_w=-50.0)], plants, waits=False) == {"a": None, "b": None}


def test_what_is_limited_below_helps_above() -> None:
    """A point below leaves its plant 30 W; the one above needs 60 less of 150 and takes nothing more than it must."""
    below = replace(POINT, allowed_va=30.0, power_w=-100.0, plants=("a",))
    shares = feed_in_shares([below, POINT], PLANTS, waits=False)
    assert fed_in(shares, PLANTS) == {"a": 30.0, "b": 50.0}


def test_who_waits_acts_only_when_the_rest_could_not_mend_it() -> None:
    """At 140 % it waits at the beginning and acts when two looks are left; at 400 % it cannot wait."""
    plants = {"a": PLANTS["a"], "b": PlantFeedIn(100.0, 40.0, 40.0)}
    first = replace(POINT, power_w=-140.0)
    assert set(feed_in_shares([first], plants, waits=True).values()) == {None}
    second = replace(first, mean_w=-140.0, elapsed=1 / 3)
    assert sum(fed_in(feed_in_shares([second], plants, waits=True), plants).values()) == pytest.approx(80.0)
    much = {name: PlantFeedIn(400.0, 200.0, 200.0) for name in "ab"}
    shares = feed_in_shares([replace(POINT, power_w=-400.0)], much, waits=True)
    assert sum(fed_in(shares, much).values()) == pytest.approx(100.0)


WATTS = st.floats(0, 1e5)


@given(
    st.lists(st.tuples(st.floats(1e3, 1e5), WATTS, WATTS), min_size=1, max_size=6),
    st.floats(-1e5, 1e5),
    st.floats(0, 2e5),
    st.floats(-1e5, 1e5),
    st.sampled_from([0.0, 1 / 3, 2 / 3]),
)
def test_the_mean_stays_within_the_limit_wherever_feed_in_alone_can_hold_it(
    rows: list[tuple[float, float, float]], rest_w: float, allowed_va: float, mean_w: float, elapsed: float
) -> None:
    """Whatever the plants give and could: after the limits the ISP's mean exports no more than allowed, or nothing is fed in.

    And no more is taken than that needs: where a limit is set, all that may flow does.
    """
    plants = {str(k): PlantFeedIn(rated, now, could) for k, (rated, now, could) in enumerate(rows)}
    power_w = rest_w - sum(plant.now_w for plant in plants.values())
    point = PointIsp(allowed_va, power_w, 0.0, mean_w, elapsed, 1 / 3, tuple(plants))
    shares = feed_in_shares([point], plants, waits=False)
    after_w = mean_w * elapsed + (rest_w - sum(fed_in(shares, plants).values())) * (1 - elapsed)
    least_w = min(-allowed_va, mean_w * elapsed + rest_w * (1 - elapsed))
    assert after_w >= least_w - 1e-3
    if any(share is not None for share in shares.values()):
        assert after_w == pytest.approx(least_w, abs=1e-3)
