"""The simulated station of each version of OCPP, as a site file names it."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from devices.simulators.station.core import StationCore
from devices.simulators.station.machine import StationMachine
from devices.simulators.station.machine16 import StationMachine16
from devices.simulators.station.machine21 import StationMachine21

STATIONS: Mapping[str, type[StationCore[Any]]] = MappingProxyType(
    {"1.6": StationMachine16, "2.0.1": StationMachine, "2.1": StationMachine21}
)
