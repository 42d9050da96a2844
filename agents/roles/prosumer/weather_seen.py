"""What the sun did, as far as the newest forecast of each quarter-hour says: the weather model behind some baselines."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime

import numpy as np

from agents.planning.elements.pv import sun_per_unit
from agents.roles.effects import Effect
from agents.roles.identity import AgentIdentity
from agents.roles.messages import WeatherBulletin
from agents.roles.part import Part, Recovery, on
from agents.roles.parts.recovery import LedgerHistory
from agents.roles.prosumer.config import ProsumerConfig
from agents.roles.prosumer.energy_metering import EnergyMetering
from agents.roles.prosumer.told import DayMeteringTold
from cim.codec.codec import wire
from cim.model.arrays import Floats
from cim.model.devices import WeatherForecast
from cim.model.intervals import LocalDay
from market.settlement.baselines import same_day_factor

_ADJUST_ISPS = 8  # two hours before the day's first order


@wire("prosumer.WeatherSeen")
@dataclass(slots=True)
class WeatherSeenState:
    """By day, [T] PV generation per unit: of each ISP by the last forecast that was issued before it began."""

    per_unit: dict[date, Floats] = field(default_factory=dict)


class WeatherSeen(Part[WeatherSeenState]):
    """Keeps a day's weather as it became known, and says what a plant would have given in it."""

    def __init__(self, me: AgentIdentity, config: ProsumerConfig, metering: EnergyMetering) -> None:
        super().__init__(me, WeatherSeenState())
        self._market, self._elements, self._kinds = config.market, config.by_name(), config.kinds()
        self._metering = metering

    @on(WeatherBulletin)
    def weather(self, message: WeatherBulletin, sender: str, now: datetime) -> list[Effect]:
        """A newer forecast counts for what is still to come, of today and tomorrow."""
        if sender != self._market:
            return []
        today = self.rules.day_of(now)
        for day, first in ((today, today.isp_of(now)), (today.next(), 1)):
            row = self.state.per_unit.get(day.day, np.zeros(day.count)).copy()  # arrays in the state are never changed
            row[first - 1 :] = sun_per_unit(message.forecast, day)[first - 1 :]
            self.state.per_unit[day.day] = row
        return []

    def plant_w(self, plant: str, day: LocalDay, first_ordered: int) -> tuple[int, ...] | None:
        """[T] watts that a plant would have given in the day's weather; None where no weather is known or it says nothing.

        Adjusted to what the plant gave in the two hours before its first order of the day, by 20 % at most.
        """
        per_unit = self.state.per_unit.get(day.day)
        if per_unit is None:
            return None
        weather = WeatherForecast(day.start, day.start, 60 * day.isp_minutes, tuple(per_unit.tolist()))
        modelled_kw = self._kinds[plant].by_weather(self._elements[plant], weather, day)
        if modelled_kw is None:
            return None
        before, lost = range(first_ordered - _ADJUST_ISPS, first_ordered), self._metering.lost_isps(plant, day)
        if before.start >= 1 and not any(isp in lost for isp in before):
            measured_kw = self._metering.measured_kw(plant, day)
            modelled_kw = modelled_kw * same_day_factor(modelled_kw, measured_kw, first_ordered, _ADJUST_ISPS)
        rated_kw = self._elements[plant].generation_w / 1000
        return tuple(round(float(kw) * 1000) for kw in np.clip(modelled_kw, -rated_kw, 0.0))

    @on(DayMeteringTold)
    def told(self, event: DayMeteringTold, now: datetime) -> list[Effect]:
        """Days that are told are not looked at any more."""
        for period in event.done:
            self.state.per_unit.pop(period, None)
        return []

    def prune(self, before: date) -> None:
        """Days that are closed for good."""
        self.state.per_unit = {period: row for period, row in self.state.per_unit.items() if period >= before}

    def recover(self, history: LedgerHistory, now: datetime) -> Recovery:
        """What comes is kept; of what was, plants that say nothing themselves are taken by what was told."""
        return Recovery(forgotten=("the weather of the day so far",))
