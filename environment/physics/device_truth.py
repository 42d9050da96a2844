"""What each unit of a site really did, by quarter-hour: for verification and comparison, never for an agent."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from cim.codec.codec import wire
from cim.model.arrays import Floats
from environment.physics.charge_point import ChargePoint
from environment.physics.curtailable import CurtailableGenerator
from environment.physics.heat_pump import HeatPumpRoom
from environment.physics.unit import SECONDS_PER_HOUR, PhysicalUnit


@wire("physics.DeviceTruth")
@dataclass(frozen=True)
class DeviceTruth:
    """What the units of a site did over a span of ISPs.

    Attributes:
        kinds: unit (`farm-1.pv`, `farm-1.load`) -> its `UnitKind`.
        power_w: unit -> mean watts of each ISP.
        available_w: sun and wind by unit -> mean watts of each ISP that it could have generated, <= 0.
        unserved_ev_wh: energy that vehicles left without.
        discomfort_kh: kelvin-hours that rooms were away from their set temperature, either side, over all rooms.
    """

    kinds: dict[str, str]
    power_w: dict[str, Floats]
    available_w: dict[str, Floats]
    unserved_ev_wh: float
    discomfort_kh: float


class UnitRecord:
    """The energies of one connection's units by quarter-hour, kept while the world moves on.

    Attributes:
        energy_wh: by unit; available_wh: of sun and wind by unit; discomfort_kh: over the connection's rooms.
    """

    def __init__(self, units: Iterable[PhysicalUnit], quarters: int) -> None:
        units = tuple(units)
        self.energy_wh = {unit.name: np.zeros(quarters) for unit in units}
        self.available_wh = {u.name: np.zeros(quarters) for u in units if isinstance(u, CurtailableGenerator)}
        self.discomfort_kh = np.zeros(quarters)
        self._powers = [(unit, self.energy_wh[unit.name]) for unit in units]
        self._generators = [(u, self.available_wh[u.name]) for u in units if isinstance(u, CurtailableGenerator)]
        self._rooms = [unit for unit in units if isinstance(unit, HeatPumpRoom)]

    def add(self, quarter: int, seconds: float) -> None:
        """Count `seconds` at the powers that are decided."""
        hours = seconds / SECONDS_PER_HOUR
        for unit, row in self._powers:
            row[quarter] += unit.power_w * hours
        for generator, row in self._generators:
            row[quarter] += generator.available_w * hours
        for room in self._rooms:  # a room's temperature moves by hundredths of a kelvin in a step
            self.discomfort_kh[quarter] += abs(room.temperature_c - room.room.set_c) * hours


def unserved_wh(units: Iterable[PhysicalUnit], start_s: float, end_s: float) -> float:
    """Energy that vehicles wanted but left without, of those that left after `start_s` and by `end_s`."""
    return sum(
        short_wh
        for unit in units
        if isinstance(unit, ChargePoint)
        for left_s, short_wh in unit.shortfalls
        if start_s < left_s <= end_s
    )
