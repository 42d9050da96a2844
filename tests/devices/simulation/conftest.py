"""Strem's simulated site around noon, and drivers for all of its devices."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

import pytest

from cim.model.devices import DeviceKind
from cim.model.intervals import LocalDay
from devices.ocpp.driver import StationPort
from devices.port.port import Port
from devices.s2.appliance import AppliancePort
from devices.s2.driver import GatewayPort
from devices.simulators.simulation import Simulation
from devices.sunspec.driver import sunspec_port
from environment.profiles.library import load
from environment.sites.loader import load_site
from environment.sites.schema import Site


@pytest.fixture(scope="session")
def strem() -> Site:
    """The Strem site."""
    return load_site("strem")


@pytest.fixture(scope="session")
def noon(strem: Site) -> datetime:
    """11:00 on the site's default day, UTC; vehicles come from 11:14 on."""
    return LocalDay(strem.default_day, strem.timezone).at(13)


@pytest.fixture(scope="session")
def simulate(strem: Site) -> Callable[..., Simulation]:
    """Make a simulation of Strem: `simulate(start)`."""

    def make(start: datetime, seed: int = 7) -> Simulation:
        return Simulation(strem, load(strem.profiles), start, seed)

    return make


def _port(simulation: Simulation, name: str) -> Port:
    kind = simulation.kind(name)
    if kind is DeviceKind.STATION:
        return StationPort(name, link=simulation.link)
    if kind is DeviceKind.GATEWAY:
        return GatewayPort(name, link=simulation.link)
    if kind is DeviceKind.APPLIANCE:
        return AppliancePort(name, link=simulation.link)
    return sunspec_port(name, kind, simulation.registers(name))


@pytest.fixture(scope="session")
def port_of() -> Callable[[Simulation, str], Port]:
    """The driver of a device over the direct wire: `port_of(simulation, name)`."""
    return _port
