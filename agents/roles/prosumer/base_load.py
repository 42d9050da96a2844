"""What a connection draws without its elements: its last metered days, and what of it follows the temperature."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime

import numpy as np

from agents.planning.forecast.like_day import like_day, with_day
from agents.planning.forecast.temperature import beside_like_day, temperature_c
from agents.roles.effects import Effect
from agents.roles.identity import AgentIdentity
from agents.roles.messages import WeatherBulletin
from agents.roles.part import Part, Recovery, on
from agents.roles.parts.recovery import LedgerHistory
from agents.roles.prosumer.config import ProsumerConfig
from agents.roles.prosumer.energy_metering import EnergyMetering
from agents.roles.prosumer.metering_messages import recorded_base_kw
from agents.roles.prosumer.told import DayMeteringTold
from cim.codec.codec import wire
from cim.model.arrays import Floats
from cim.model.intervals import LocalDay


@wire("prosumer.BaseLoad")
@dataclass(slots=True)
class BaseLoadState:
    """What the base is forecast from.

    Attributes:
        history_kw: of the last metered days, [T] each.
        history_c: the temperature of the same days as it was told last, NaN where it was not.
        temperature_c: by day that runs or is still to come, [T] as it was told last.
        issued: of the newest forecast of it.
    """

    history_kw: tuple[Floats, ...] = ()
    history_c: tuple[Floats, ...] = ()
    temperature_c: dict[date, Floats] = field(default_factory=dict)
    issued: datetime | None = None


class BaseLoad(Part[BaseLoadState]):
    """Keeps days and temperatures; says what to expect."""

    def __init__(self, me: AgentIdentity, config: ProsumerConfig, metering: EnergyMetering) -> None:
        past_kw = config.base_history_kw
        past_c = config.base_history_c or tuple(np.full(len(day), np.nan) for day in past_kw)
        super().__init__(me, BaseLoadState(past_kw, past_c))
        self._config, self._metering = config, metering

    def usual_kw(self, day: LocalDay) -> Floats:
        """[T] kW as on its last days, and what it follows of the temperature beside that; not below nothing for it."""
        state = self.state
        like = like_day(state.history_kw, day.count)
        if not state.temperature_c:
            return like
        hotter = beside_like_day(state.history_kw, state.history_c, self._temperature_c(day))
        return np.maximum(like + hotter, np.minimum(like, 0.0))

    def history_kw(self) -> tuple[Floats, ...]:
        """The last metered days, [T] each."""
        return self.state.history_kw

    @on(WeatherBulletin)
    def weather(self, message: WeatherBulletin, sender: str, now: datetime) -> list[Effect]:
        """Keep what was told last of the temperature of each time of the days that it reaches."""
        state, told = self.state, message.forecast
        newer = state.issued is None or told.issued >= state.issued
        if sender != self._config.market or not told.temperature_c or not newer:
            return []
        state.issued, today = told.issued, self.rules.day_of(now)
        for day in (today, today.next(), today.next(2)):
            told_c = temperature_c(told, day)
            state.temperature_c[day.day] = np.where(np.isfinite(told_c), told_c, self._temperature_c(day))
        return []

    @on(DayMeteringTold)
    def told(self, event: DayMeteringTold, now: datetime) -> list[Effect]:
        """A day that was metered through becomes history for the next forecasts."""
        day, (meter, *elements) = event.day, self._metering.sources
        if not any(self._metering.lost_isps(source, day) for source in self._metering.sources):
            base = self._metering.measured_kw(meter, day) - sum(self._metering.measured_kw(e, day) for e in elements)
            self._remember(base, self._temperature_c(day))
        for period in event.done:
            self.state.temperature_c.pop(period, None)
        return []

    def _temperature_c(self, day: LocalDay) -> Floats:
        return self.state.temperature_c.get(day.day, np.full(day.count, np.nan))

    def _remember(self, base_kw: Floats, told_c: Floats) -> None:
        self.state.history_kw = with_day(self.state.history_kw, base_kw)
        self.state.history_c = with_day(self.state.history_c, told_c)

    def prune(self, before: date) -> None:
        """Days that are closed for good."""
        told = self.state.temperature_c
        self.state.temperature_c = {period: one for period, one in told.items() if period >= before}

    def recover(self, history: LedgerHistory, now: datetime) -> Recovery:
        """Recorded meterings are history."""
        for base in recorded_base_kw(history, self.me, self._config.usage_point):
            self._remember(base, np.full(len(base), np.nan))
        return Recovery()
