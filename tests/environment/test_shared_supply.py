"""Charge points that share a connection: together they never draw more than it carries, and nobody is left out without need."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from environment.physics import ChargePoint, Connection
from environment.physics.shared_supply import SharedSupply
from environment.profiles.sessions import Session


def _points(
    supply: SharedSupply, wanted_wh: list[float], *, rated_w: float = 11_000.0, least_w: float = 0.0
) -> list[ChargePoint]:
    """Points at which vehicles come a minute after each other and stay for ten hours."""
    return [
        ChargePoint(
            f"park.bay-{k}",
            0.0,
            sessions=(Session(60.0 * k, 36_000.0, energy),),
            rated_w=rated_w,
            least_w=least_w,
            supply=supply,
        )
        for k, energy in enumerate(wanted_wh)
    ]


@given(st.lists(st.floats(500, 60_000), min_size=2, max_size=4), st.floats(1_000, 50_000))
def test_the_sum_is_within_and_what_there_is_is_used(wanted_wh: list[float], rated_w: float) -> None:
    """In each step the sum is within the connection; it is used up while anybody wants more; who is full makes room."""
    supply = SharedSupply(rated_w)
    points = _points(supply, wanted_wh)
    connection = Connection("park", tuple(points))

    def record(now_s: float, seconds: float) -> None:
        drawn = sum(point.power_w for point in points)
        assert drawn <= rated_w + 1e-6
        assert all(point.power_w <= min(point.wanted_w, 11_000.0) + 1e-6 for point in points)
        assert drawn >= min(rated_w, sum(point.wanted_w for point in points)) - 1e-6

    connection.advance(0.0, 36_000.0, record)


def test_who_wants_less_than_a_share_has_it_and_the_rest_is_for_the_others() -> None:
    """Of 12 kW the one that is limited to 2 kW has 2, the two others 5 each."""
    supply = SharedSupply(12_000)
    points = _points(supply, [30_000, 30_000, 30_000])
    Connection("park", tuple(points)).advance(0.0, 300.0)
    points[0].limit_w = 2_000
    assert [point.power_w for point in points] == [2_000, 5_000, 5_000]


def test_a_limit_of_the_whole_station_holds_until_it_is_taken_back() -> None:
    """Told 6 kW for all they draw 6; without it what the connection carries."""
    supply = SharedSupply(12_000)
    points = _points(supply, [30_000, 30_000])
    Connection("park", tuple(points)).advance(0.0, 300.0)
    supply.limit_w = 6_000
    assert sum(point.power_w for point in points) == pytest.approx(6_000)
    supply.limit_w = None
    assert sum(point.power_w for point in points) == pytest.approx(12_000)


def test_where_a_share_is_too_little_to_charge_who_came_last_waits() -> None:
    """6 A in three phases are 4,140 W: of 10 kW two vehicles charge with 5 each, and the third has its turn later."""
    supply = SharedSupply(10_000)
    points = _points(supply, [2_000, 30_000, 5_000], least_w=4_140)
    connection = Connection("park", tuple(points))
    connection.advance(0.0, 300.0)
    assert [point.power_w for point in points] == [5_000, 5_000, 0]
    connection.advance(300.0, 3_600.0)
    assert points[0].power_w == 0, "the first is full"
    assert [point.power_w for point in points[1:]] == [5_000, 5_000]
