"""What each unit of a site really did, by quarter-hour: for verification and comparison, never for an agent."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np

from cim.codec.codec import wire
from cim.model.arrays import Floats
from environment.physics.battery import Battery
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
        warmth_saves_wh: heat pump -> what its thermostat draws less on the day after, because of the warmth that its room
            holds at the end of the span; negative where the room is cold.
        stored_wh: battery -> what it holds when each ISP begins.
    """

    kinds: dict[str, str]
    power_w: dict[str, Floats]
    available_w: dict[str, Floats]
    unserved_ev_wh: float
    discomfort_kh: float
    warmth_saves_wh: dict[str, float] = field(default_factory=dict)
    stored_wh: dict[str, Floats] = field(default_factory=dict)


class UnitRecord:
    """The energies of one connection's units by quarter-hour, kept while the world moves on.

    Attributes:
        energy_wh: by unit; available_wh: of sun and wind by unit; discomfort_kh: over the connection's rooms.
        warm_k: by heat pump, how far its room was above the set temperature when a quarter-hour began; NaN: not yet.
        stored_wh: by battery, what it held when a quarter-hour began; NaN: not yet.
    """

    def __init__(self, units: Iterable[PhysicalUnit], quarters: int) -> None:
        units = tuple(units)
        self.energy_wh = {unit.name: np.zeros(quarters) for unit in units}
        self.available_wh = {u.name: np.zeros(quarters) for u in units if isinstance(u, CurtailableGenerator)}
        self.discomfort_kh = np.zeros(quarters)
        self.warm_k = {unit.name: np.full(quarters, np.nan) for unit in units if isinstance(unit, HeatPumpRoom)}
        self._stores = [(u, np.full(quarters, np.nan)) for u in units if isinstance(u, Battery)]
        self.stored_wh = {battery.name: row for battery, row in self._stores}
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
            warm_k = room.temperature_c - room.room.set_c
            self.discomfort_kh[quarter] += abs(warm_k) * hours
            if np.isnan(self.warm_k[room.name][quarter]):
                self.warm_k[room.name][quarter] = warm_k
        for battery, row in self._stores:
            if np.isnan(row[quarter]):
                row[quarter] = battery.stored_wh


def unserved_wh(units: Iterable[PhysicalUnit], start_s: float, end_s: float) -> float:
    """Energy that vehicles wanted but left without, of those that left after `start_s` and by `end_s`."""
    return sum(
        short_wh
        for unit in units
        if isinstance(unit, ChargePoint)
        for left_s, short_wh in unit.shortfalls
        if start_s < left_s <= end_s
    )


def warmth_saves_wh(units: Iterable[PhysicalUnit], record: UnitRecord, quarter: int, end_s: float) -> dict[str, float]:
    """What each heat pump saves on the day after `end_s`, which is the beginning of a quarter-hour of the record."""
    found = {}
    for unit in units:
        if isinstance(unit, HeatPumpRoom):
            row, now_k = record.warm_k[unit.name], unit.temperature_c - unit.room.set_c
            known = quarter < len(row) and not np.isnan(row[quarter])  # else the world stands just there
            found[unit.name] = unit.saved_wh(float(row[quarter]) if known else now_k, end_s)
    return found
