"""What plants could have given on their last days: their forecasts are never above a clear day of their own."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

import numpy as np

from agents.planning.forecast.clear_day import clear_day
from agents.planning.remembered import Remembered
from agents.roles.effects import Effect
from agents.roles.identity import AgentIdentity
from agents.roles.part import Part, on
from agents.roles.prosumer.available_energy import AvailableEnergy
from agents.roles.prosumer.config import ProsumerConfig
from agents.roles.prosumer.energy_metering import EnergyMetering
from agents.roles.prosumer.held_orders import HeldOrders
from agents.roles.prosumer.told import DayMeteringTold
from cim.codec.codec import wire
from cim.model.arrays import Floats
from cim.model.devices import DeviceKind
from cim.model.intervals import LocalDay

# Days: with 20 or 30 a forecast errs as far, with 5 further. Fewer than the least may all have been cloudy.
KEPT, LEAST = 10, 5
_FRESH = timedelta(days=20)  # what is older says nothing of the sun's height today

Days = tuple[tuple[date, Floats], ...]


@wire("prosumer.PlantDays")
@dataclass(slots=True)
class PlantDaysState:
    """By PV plant, its last days, oldest first: the day, and [T] kW that it could have given, magnitudes."""

    days: dict[str, Days] = field(default_factory=dict)


class PlantDays(Part[PlantDaysState]):
    """Keeps what each PV plant could have given on its last days, and says what a clear day would be."""

    def __init__(
        self,
        me: AgentIdentity,
        config: ProsumerConfig,
        *,
        metering: EnergyMetering,
        available: AvailableEnergy,
        held: HeldOrders,
    ) -> None:
        super().__init__(me, PlantDaysState())
        self._metering, self._available, self._held = metering, available, held
        self._clear = Remembered(_clear_kw, most=64)
        for element in config.elements:
            if element.kind is DeviceKind.PV:
                ago, first = range(len(element.history_kw), 0, -1), self.rules.first_day
                known = (
                    (first - timedelta(days=back + 1), np.maximum(-row, 0.0))
                    for back, row in zip(ago, element.history_kw, strict=True)
                )
                self.state.days[element.element] = _telling(known)

    def clear_kw(self, plant: str, day: LocalDay) -> Floats | None:
        """[T] the most that a plant gives by time of day, a magnitude; None where too few of its days are known."""
        known = self.state.days.get(plant, ())
        return self._clear(known, day.count) if len(known) >= LEAST else None

    @on(DayMeteringTold)
    def told(self, event: DayMeteringTold, now: datetime) -> list[Effect]:
        """A day counts where a plant's inverter said what it could have given, or where no order took anything of it."""
        day = event.day
        for plant, known in self.state.days.items():
            lost = set(self._metering.lost_isps(plant, day))
            blind = set(self._available.lost_isps(plant, day))
            left = [one for one in known if day.day - _FRESH <= one[0] != day.day]
            if len(lost) < day.count and (len(blind) < day.count or not self._held.moves(plant, day.day)):
                gave_kw = -self._metering.measured_kw(plant, day)
                could_kw = -self._available.energy_wh(plant, day) / 1000 / self.rules.hours
                left.append((day.day, np.maximum(np.maximum(gave_kw, could_kw), 0.0)))
            self.state.days[plant] = _telling(left)
        return []


def _telling(days: Iterable[tuple[date, Floats]]) -> Days:
    """The last of those on which it could have given anything: one that was off, or under snow, tells nothing of the sky."""
    return tuple(one for one in days if one[1].any())[-KEPT:]


def _clear_kw(known: Days, count: int) -> Floats:
    return clear_day(tuple(row for _, row in known), count)
