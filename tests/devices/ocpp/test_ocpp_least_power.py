"""A vehicle charges with nothing, or with at least 6 A in each phase: physics, what the simulated station says, what is planned."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from cim.model.devices import Mode, Setpoint, VehiclePlugged
from devices.ocpp.driver import StationPort
from devices.ocpp.needs import ASSUMED_MIN_W
from devices.simulators.adapters import StationUnit
from devices.simulators.in_memory_link import DirectLink
from devices.simulators.station.versions import STATIONS
from environment.physics import ChargePoint
from environment.profiles.sessions import Session
from environment.sites.devices import Station

NOW = datetime(2026, 5, 20, 12, tzinfo=UTC)
HOUR_S = 3600.0
VISIT = Session(NOW.timestamp() + 1, NOW.timestamp() + 10 * HOUR_S, 20_000.0)
LEAST_W, RATED_W = 4140.0, 11_040.0


def _station(**more: Any) -> Station:
    def assumed(value: float) -> dict[str, Any]:
        return {"value": value, "assumed": True}

    said = {"rated_w": 11_040, "departure_hour": 7, **more}
    return Station.model_validate(
        {"kind": "station", "name": "s", "column": "c", **{name: assumed(value) for name, value in said.items()}}
    )


@given(st.floats(0, 12_000) | st.none(), st.floats(-12_000, 12_000) | st.none())
def test_the_power_is_nothing_or_at_least_the_least(limit_w: float | None, setpoint_w: float | None) -> None:
    """Whatever it is limited to or asked for: never between 0 and 4140 W, never above what it may."""
    point = ChargePoint("ev", VISIT.start_s, sessions=(VISIT,), rated_w=RATED_W, least_w=LEAST_W)
    point.limit_w, point.setpoint_w = limit_w, setpoint_w
    most = min(RATED_W if w is None else w for w in (limit_w, setpoint_w))
    assert point.power_w == (0.0 if most < LEAST_W else min(most, RATED_W))


@pytest.mark.parametrize("version", STATIONS)
def test_a_station_with_a_least_power_says_so_and_keeps_to_it(version: str) -> None:
    """3 kW are nothing, 5 kW are 5 kW; 2.0.1 and 2.1 tell the least, of a 1.6 station the same is assumed."""
    point = ChargePoint("ev", NOW.timestamp(), sessions=(VISIT,), rated_w=RATED_W, least_w=LEAST_W)
    link = DirectLink()
    link.add("cs", STATIONS[version]("cs", StationUnit(point)), NOW)
    port = StationPort("cs", link=link)
    now = NOW + timedelta(seconds=5)

    async def run() -> list[float]:
        await port.open(NOW)
        point.step(5.0, NOW.timestamp())
        point.settle(now.timestamp())
        link.advance(now)
        await port.sync(now)
        drawn = []
        for watts in (3000, 5000, 4139, 4140):
            await port.command(Setpoint(Mode.LIMIT, watts), now + timedelta(minutes=15), now)
            drawn.append(point.power_w)
        return drawn

    assert asyncio.run(run()) == [0.0, 5000.0, 0.0, 4140.0]
    (plugged,) = port.drain()
    assert isinstance(plugged, VehiclePlugged)
    assert plugged.min_power_w == LEAST_W == ASSUMED_MIN_W


def test_a_site_file_says_the_current_and_the_phases_follow_from_the_rating() -> None:
    """6 A are 4140 W at 11 kW, 1380 W at 3.7 kW (one phase), nothing where they are not said; more than the rating is refused."""
    assert _station().least_w == 0.0
    assert _station(min_current_a=6).least_w == LEAST_W
    assert _station(min_current_a=6, rated_w=3_680).least_w == 1380.0
    with pytest.raises(ValidationError, match=r"min_current_a: 13800 W in its phases is above rated_w 11040"):
        _station(min_current_a=20)
