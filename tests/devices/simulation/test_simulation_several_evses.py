"""A site with a station of two EVSEs: one machine dials in for both, lost and recorded as one."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from cim.model.devices import DeviceKind
from cim.model.errors import BadInput
from devices.simulators.recording import RecordedSimulation
from devices.simulators.simulation import Simulation
from environment.profiles.library import load
from environment.sites import load_site
from tests.worlds.market_days import park_with_one_charger

START = datetime(2016, 4, 15, 4, tzinfo=UTC)
FIRST, SECOND, CHARGER = "charging-park.station-1", "charging-park.station-2", "charging-park.charger"


def test_one_machine_dials_in_for_both(tmp_path: Path) -> None:
    """Names are those of the devices; the station is reached, lost and told to misbehave by its own and by either EVSE's."""
    site = load_site(str(park_with_one_charger(tmp_path)))
    simulation = Simulation(site, load(site.profiles), START)
    assert {FIRST, SECOND} <= set(simulation.names)
    assert CHARGER not in simulation.names
    assert CHARGER in simulation.machines
    assert not {FIRST, SECOND} & set(simulation.machines)
    assert simulation.kind(CHARGER) is simulation.kind(FIRST) is DeviceKind.STATION
    simulation.silence(SECOND, True)
    assert all(simulation.silent(name) for name in (FIRST, SECOND, CHARGER))
    simulation.silence(CHARGER, False)
    assert not simulation.silent(FIRST)
    simulation.misbehave(FIRST, "wrong-evse")
    with pytest.raises(BadInput, match=r"'charging-park.other' is unknown"):
        simulation.kind("charging-park.other")


def test_a_recorded_one_goes_on_where_it_was(tmp_path: Path) -> None:
    """After a restart both EVSEs have what they had, and the station still misbehaves as it was told."""
    site = load_site(str(park_with_one_charger(tmp_path)))
    profiles, log = load(site.profiles), tmp_path / "world.log"
    first = RecordedSimulation(site, profiles, START, 0, log)
    first.advance(START + timedelta(hours=4))
    first.silence(FIRST, True)
    first.misbehave(SECOND, "no-needs")
    first.silence(FIRST, False)
    first.advance(START + timedelta(hours=5))
    end = START + timedelta(hours=5)
    before = {name: power.tolist() for name, power in first.device_truth(START, end).power_w.items()}
    first.close()
    again = RecordedSimulation(site, profiles, START, 0, log)
    assert again.now == end
    assert {name: power.tolist() for name, power in again.device_truth(START, end).power_w.items()} == before
    assert before[FIRST] != before[SECOND]
    again.close()
