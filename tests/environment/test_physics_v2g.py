"""A charge point whose vehicle gives energy back: only what it is asked for, only what it was given, only where it can."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from environment.physics import ChargePoint
from environment.profiles.sessions import Session
from environment.sites.devices import Station

START = 1_700_000_000.0
HOUR = 3600.0
VISIT = Session(START, START + 10 * HOUR, 20_000.0)
STATION = {
    "kind": "station",
    "name": "s",
    "column": "c",
    "rated_w": {"value": 11_000, "assumed": True},
    "departure_hour": {"value": 7, "assumed": True},
}


def _point(discharge_w: float = 5000.0) -> ChargePoint:
    return ChargePoint("ev", START, sessions=(VISIT,), rated_w=10_000.0, discharge_w=discharge_w)


def test_it_gives_back_what_it_was_given_and_no_more() -> None:
    """An hour at 10 kW, then 5 kW back: after two hours it has nothing of it left, and stands still."""
    point = _point()
    point.step(HOUR, START)
    point.setpoint_w = -8000.0
    assert point.power_w == -5000.0, "its rating bounds what is asked for"
    assert point.until(point.now_s) == pytest.approx(START + 3 * HOUR)
    point.step(2 * HOUR, point.now_s)
    point.settle(point.now_s)
    assert (point.power_w, point.import_wh, point.export_wh) == (0.0, 10_000.0, 10_000.0)
    assert point.remaining_wh == pytest.approx(20_000.0), "it wants all its energy again"
    point.setpoint_w = None
    assert point.power_w == 10_000.0


def test_what_is_asked_for_stays_below_the_limit() -> None:
    """A setpoint above 0 is a power within limit and rating; at 0 it waits."""
    point = _point()
    point.setpoint_w = 7000.0
    assert point.power_w == 7000.0
    point.limit_w = 4000.0
    assert point.power_w == 4000.0
    point.setpoint_w = 0.0
    assert point.power_w == 0.0
    assert point.until(START) == VISIT.departure_s


def test_a_vehicle_that_cannot_give_does_not() -> None:
    """Without a rating for it a power below 0 is 0; and an empty place does nothing at all."""
    point = _point(0.0)
    point.step(HOUR, START)
    point.setpoint_w = -3000.0
    assert point.power_w == 0.0
    point.settle(VISIT.departure_s)
    point.setpoint_w = -3000.0
    assert (point.session, point.power_w) == (None, 0.0)


def test_only_a_station_of_21_may_give_back() -> None:
    """`discharge_w` beside another version is refused when the site is read."""
    gives = {"discharge_w": {"value": 5000, "assumed": True}}
    station = Station.model_validate(STATION | gives | {"ocpp": "2.1"})
    assert station.discharge_w is not None
    assert station.discharge_w.value == 5000
    for version in ({}, {"ocpp": "2.0.1"}, {"ocpp": "1.6"}):
        with pytest.raises(ValidationError, match=r'expected ocpp: "2\.1" with discharge_w'):
            Station.model_validate(STATION | gives | version)
