"""The connection's prognoses for its aggregator: of each day before it begins, and revised while it runs."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

import numpy as np

from agents.roles.effects import Arm, Effect, Send, Timer
from agents.roles.identity import AgentIdentity
from agents.roles.messages import DeviceSchedule
from agents.roles.part import Part, Recovery, on
from agents.roles.parts.operated_days import DayNear
from agents.roles.parts.recovery import LedgerHistory, revision
from agents.roles.prosumer.asset_publishing import PATIENCE
from agents.roles.prosumer.config import ProsumerConfig
from agents.roles.prosumer.day_planning import DayPlanning
from agents.roles.prosumer.energy_metering import EnergyMetering
from agents.roles.prosumer.told import (
    CapacityChanged,
    DayForeseen,
    DayMeteringTold,
    PlanChanged,
    SitePlanTaken,
    VehicleChanged,
)
from cim.codec.codec import wire
from cim.model.intervals import LocalDay
from market.register.providers import aggregator_on
from market.uftp import DPrognosis

DAY_AHEAD_HOUR = 11  # local time on the day before at which tomorrow is forecast
_REVISION = timedelta(minutes=5)  # after an hour: after its first control interval, when the hour before is metered


@wire("prosumer.timer.forecast")
@dataclass(frozen=True, slots=True)
class ForecastDay(Timer):
    """A day is forecast for the first time."""

    period: date


@wire("prosumer.timer.revise")
@dataclass(frozen=True, slots=True)
class ReviseDay(Timer):
    """The rest of a day is forecast again."""

    period: date


@wire("prosumer.timer.resume")
@dataclass(frozen=True, slots=True)
class ResumeDay(Timer):
    """After a loss of everything the elements have had time to report."""

    period: date


@wire("prosumer.Prognoses")
@dataclass(slots=True)
class PrognosesState:
    """The last prognosis's revision, by day."""

    revisions: dict[date, int] = field(default_factory=dict)


class Prognoses(Part[PrognosesState]):
    """Has each day forecast in time, and tells the aggregator."""

    def __init__(
        self, me: AgentIdentity, config: ProsumerConfig, metering: EnergyMetering, planning: DayPlanning
    ) -> None:
        super().__init__(me, PrognosesState())
        self._config, self._metering, self._planning = config, metering, planning

    @on(DayNear)
    def day_near(self, event: DayNear, now: datetime) -> list[Effect]:
        """Its forecast on the day before, and its first revision."""
        day, effects = event.day, list[Effect]()
        # On the day itself only after a standstill: who begins then has not met its elements yet.
        if now < day.start or (now < day.end and self._metering.has_read):
            effects.append(Arm(ForecastDay(day.day), max(_day_ahead(day), now)))
        if now < day.end:
            effects.append(Arm(ReviseDay(day.day), max(day.start + _REVISION, now)))
        return effects

    @on(ForecastDay)
    def forecast(self, timer: ForecastDay, now: datetime) -> list[Effect]:
        """Day-ahead: forecast the whole day, plan the batteries on it, tell the aggregator."""
        day = self.rules.day(timer.period)
        if now >= day.end:
            return []  # after a standstill over the whole day
        self._planning.forecast(day, 1, now)
        told = [*self.emit(DayForeseen(day), now), self._prognosis(day, now), *self.emit(PlanChanged(day), now)]
        return [*told, *self._planning.failures(now)]

    @on(ReviseDay)
    def revise(self, timer: ReviseDay, now: datetime) -> list[Effect]:
        """Every `revision_hours` of the day: forecast the rest of it again with what was measured meanwhile."""
        day = self.rules.day(timer.period)
        if now >= day.end:
            return []
        self._planning.forecast(day, day.isp_of(now) + 1, now)
        first, every = day.start + _REVISION, timedelta(hours=self.rules.revision_hours)
        following = first + max((now - first) // every + 1, 0) * every
        more: list[Effect] = [Arm(timer, following)] if following < day.end else []
        told = [*self.emit(DayForeseen(day), now), self._prognosis(day, now), *self.emit(PlanChanged(day), now)]
        return [*told, *more, *self._planning.failures(now)]

    @on(VehicleChanged)
    def vehicle_changed(self, event: VehicleChanged, now: datetime) -> list[Effect]:
        """Who came or left changes the rest of the day: tell it at once."""
        day = self.rules.day_of(now)
        return [self._prognosis(day, now)] if day.day in self.state.revisions else []

    @on(SitePlanTaken)
    def site_planned(self, event: SitePlanTaken, now: datetime) -> list[Effect]:
        """What the manager plans by what was foretold makes another prognosis."""
        known = event.foretold and event.day.day in self.state.revisions
        return [self._prognosis(event.day, now)] if known else []

    @on(CapacityChanged)
    def capacity_changed(self, event: CapacityChanged, now: datetime) -> list[Effect]:
        """What the DSO has withdrawn is part of what is foretold: nobody delivers it."""
        return [self._prognosis(event.day, now)] if event.day.day in self.state.revisions else []

    @on(ResumeDay)
    def resume(self, timer: ResumeDay, now: datetime) -> list[Effect]:
        """Plan the rest of the running day; what an element was told before a loss, and nobody remembers, ends."""
        day = self.rules.day(timer.period)
        if now >= day.end:
            return []
        free = (None,) * day.count
        elements = [element.element for element in self._config.elements]
        effects: list[Effect] = [Send(name, DeviceSchedule(name, day.day, free)) for name in elements]
        return [*effects, *self.revise(ReviseDay(day.day), now)]

    def _prognosis(self, day: LocalDay, now: datetime) -> Effect:
        """The connection's D-Prognosis for its aggregator."""
        number = self.state.revisions[day.day] = self.state.revisions.get(day.day, 0) + 1
        to, point, rules = aggregator_on(self._config, day.day), self._config.usage_point, self.rules
        header = self.me.header(to, now, None, "DPrognosis", day.key, point, str(number))
        watts = tuple(np.rint(self._planning.connection_kw(day) * 1000).astype(np.int64).tolist())
        return Send(to, DPrognosis(header, day.day, point, number, watts, rules.timezone, rules.isp_minutes))

    @on(DayMeteringTold)
    def told(self, event: DayMeteringTold, now: datetime) -> list[Effect]:
        """Nothing is revised of days that are metered."""
        for period in event.done:
            self.state.revisions.pop(period, None)
        return []

    def prune(self, before: date) -> None:
        """Days that are closed for good."""
        self.state.revisions = {period: number for period, number in self.state.revisions.items() if period >= before}

    def recover(self, history: LedgerHistory, now: datetime) -> Recovery:
        """As at the start, but when the elements have had time to report."""
        effects: list[Effect] = []
        for day in history.open_days(now):
            effects += self._again(day, now)
        return Recovery(effects, ("numbers of its prognoses: revisions go on in seconds",))

    def _again(self, day: LocalDay, now: datetime) -> list[Effect]:
        effects: list[Effect] = []
        soon = now + PATIENCE
        if now < day.end:
            self.state.revisions[day.day] = revision(day, now)
        if soon < day.start:
            effects.append(Arm(ForecastDay(day.day), max(_day_ahead(day), soon)))
        elif soon < day.end:
            effects.append(Arm(ResumeDay(day.day), soon))
        if soon < day.start + _REVISION:
            effects.append(Arm(ReviseDay(day.day), day.start + _REVISION))
        return effects


def _day_ahead(day: LocalDay) -> datetime:
    return day.next(-1).at(DAY_AHEAD_HOUR)
