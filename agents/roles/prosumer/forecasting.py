"""The prosumer's forecasting desk: what its connection will draw, and what it tells its aggregator."""

from __future__ import annotations

from datetime import date, datetime, timedelta

import numpy as np

from agents.planning.elements.element import ElementKnowledge, PlanWindow
from agents.planning.forecast.like_day import corrected, like_day
from agents.roles.effects import Arm, Effect, Poll, Send
from agents.roles.events import Connected, Started
from agents.roles.messages import WeatherBulletin
from agents.roles.part import on
from agents.roles.prosumer.metering import MeteringDesk, value
from cim.model.arrays import Floats
from cim.model.intervals import LocalDay
from cim.model.readings import Kind
from market.uftp import DPrognosis

PATIENCE = timedelta(minutes=2)  # how long to wait at the start for assets that do not answer
DAY_AHEAD_HOUR = 11  # local time on the day before at which tomorrow is forecast
REVISION_MINUTE = 5  # of an hour: after its first control interval, when the hour before is metered
METERING = timedelta(hours=1)  # after the day's end: it is metered and told
_HOUR = timedelta(hours=1)


class ForecastingDesk(MeteringDesk):
    """Forecasts of the connection and their revisions."""

    @on(Started)
    def started(self, event: Started, now: datetime) -> list[Effect]:
        """Wait for the elements, and for the operated days."""
        return [Arm("publish", now + PATIENCE), *self.begin_days(now)]

    def day_timers(self, day: LocalDay, now: datetime) -> list[Effect]:
        """Its forecast on the day before, its revisions, its metering after it."""
        effects: list[Effect] = [Arm(f"metering {day.key}", day.end + METERING)]
        # On the day itself only after a standstill: who begins then has not met its elements yet.
        if now < day.start or (now < day.end and self.state.counter_at is not None):
            effects.append(Arm(f"forecast {day.key}", max(day.next(-1).at(DAY_AHEAD_HOUR), now)))
        if now < day.end:
            effects.append(Arm(f"revise {day.key}", max(day.start + timedelta(minutes=REVISION_MINUTE), now)))
        return effects

    @property
    def waits(self) -> bool:
        """The meter was never read."""
        return self.state.counter_at is None

    @on(Connected)
    def connected(self, event: Connected, now: datetime) -> list[Effect]:
        """The meter answers: read it through the operated days."""
        return [Poll(self.config.meter), Arm("control", max(self.rules.periods[0].start, now))]

    def timer_control(self, _: str, now: datetime) -> list[Effect]:
        """Read the meter each control interval."""
        following = self.rules.boundary(now)
        more = following <= self.rules.periods[-1].end
        return [Poll(self.config.meter), *([Arm("control", following)] if more else [])]

    @on(WeatherBulletin)
    def weather(self, message: WeatherBulletin, sender: str, now: datetime) -> list[Effect]:
        """Keep the newest forecast of the sun."""
        held = self.state.weather
        if sender == self.config.market and (held is None or message.forecast.issued >= held.issued):
            self.state.weather = message.forecast
        return []

    def timer_forecast(self, period: str, now: datetime) -> list[Effect]:
        """Day-ahead: forecast the whole day, plan the batteries on it, tell the aggregator."""
        day = self.rules.day(date.fromisoformat(period))
        if now >= day.end:
            return []  # after a standstill over the whole day
        self.replan(day, 1, now)
        return [self.prognosis(day, now), *self.schedules(day)]

    def timer_revise(self, period: str, now: datetime) -> list[Effect]:
        """Every `revision_hours` of the day: forecast the rest of it again with what was measured meanwhile."""
        day = self.rules.day(date.fromisoformat(period))
        if now >= day.end:
            return []
        self.replan(day, day.isp_of(now) + 1, now)
        first, every = day.start + timedelta(minutes=REVISION_MINUTE), timedelta(hours=self.rules.revision_hours)
        following = first + max((now - first) // every + 1, 0) * every
        more: list[Effect] = [Arm(f"revise {period}", following)] if following < day.end else []
        return [self.prognosis(day, now), *self.schedules(day), *more]

    def replan(self, day: LocalDay, first: int, now: datetime) -> None:
        """Renew the forecast of each element and the base from ISP `first` on; what orders hold stays held."""
        plan = self.plan(day)
        if first > day.count:
            return
        keep = slice(0, first - 1)
        base = like_day(self.state.base_history_kw, day.count)
        seen = base[first - 2] + self._base_error_kw(day, first - 2, base) if first > 1 else 0.0
        plan.base = _join(plan.base, corrected(base, seen, first), keep)
        window = PlanWindow(day, first, day.count, now)
        for name in self._driven():
            forecast = self.kinds[name].forecast(self.knowledge(name, day, now), window, plan.base)
            plan.forecast[name] = _join(plan.forecast[name], forecast, keep)
        if first == 1:  # a battery follows one plan all day: what it gives is then known to the watt-hour
            self.plan_batteries(day, 1 if now < day.start else day.isp_of(now), now)  # the forecast may come late

    def plan_batteries(self, day: LocalDay, begin: int, now: datetime) -> None:
        """Plan what runs by plan from ISP `begin` on for what the other elements and the base are expected to leave."""
        plan = self.plan(day)
        net = plan.base + sum((self.expected(plan, n) for n in self._driven()), start=np.zeros(day.count))
        window = PlanWindow(day, begin, day.count, now)
        for name, kind in self.kinds.items():
            if kind.runs_by_plan:
                known = self.knowledge(name, day, max(day.start, now))
                plan.forecast[name] = kind.forecast(known, window, net)
                net = net + plan.forecast[name]

    def _driven(self) -> list[str]:
        """The elements that run by themselves, in order."""
        return [name for name, kind in self.kinds.items() if not kind.runs_by_plan]

    def knowledge(self, name: str, day: LocalDay, at: datetime) -> ElementKnowledge:
        """What is known of an element for planning a day; what it stores, as it will be at the instant `at`."""
        state, report, plan = self.state, self.state.reports.get(name), self.state.plans.get(day.key)
        return ElementKnowledge(
            config=self.elements[name],
            costs=self.config.preferences,
            weather=state.weather,
            session=state.vehicles.get(name),
            delivered_wh=self.delivered_wh(name),
            room=state.rooms.get(name),
            usage=state.usages.get(name),
            temperature_c=None if report is None else value(report, Kind.TEMPERATURE),
            stored_kwh=self.stored_kwh(name, at) if self.kinds[name].runs_by_plan else 0.0,
            metered_kw=self._metered_so_far_kw(name, day),
            held_kw=None if plan is None else plan.held[name],
        )

    def _metered_so_far_kw(self, name: str, day: LocalDay) -> Floats | None:
        """[T] mean kW of an element in the ISPs that are over and in which it was read; NaN elsewhere."""
        read = self.state.read_at.get(name)
        if read is None or read <= day.start:
            return None
        isps = np.arange(1, day.count + 1)
        known = (isps < day.isp_of(min(read, day.end - day.isp))) & ~np.isin(isps, self.lost_isps(name, day))
        return np.where(known, self.measured_kw(name, day), np.nan)

    def delivered_wh(self, name: str) -> float:
        """What the vehicle at a station took since it was plugged."""
        report = self.state.reports.get(name)
        now = None if report is None else value(report, Kind.ENERGY_IMPORT)
        return 0.0 if now is None else max(now - self.state.plugged_wh.get(name, now), 0.0)

    def stored_kwh(self, name: str, at: datetime) -> float:
        """The energy a battery will hold at an instant: as measured, carried forward by its plan."""
        report = self.state.reports.get(name)
        stored = None if report is None else value(report, Kind.STORED_ENERGY)
        energy = 0.0 if stored is None else stored / 1000
        when = at if report is None else report.at
        while when < at:
            day = self.rules.day_of(when)
            plan = self.state.plans.get(day.key)
            until = min(day.isp_start(day.isp_of(when) + 1), at)
            if plan is not None:
                power = float(self.expected(plan, name)[day.isp_of(when) - 1])
                energy = self.kinds[name].stored_later(energy, power, (until - when) / _HOUR)
            when = until
        return min(max(energy, 0.0), self.elements[name].capacity_wh / 1000)

    def _base_error_kw(self, day: LocalDay, isp: int, base: Floats) -> float:
        """How far the base of ISP `isp` (the meter less the elements) was from its forecast; 0 where that is not known.

        Only an ISP that is over counts: of the running one some have been read already and others not.
        """
        read = self.state.counter_at
        if isp < 1 or read is None or read < day.isp_start(isp + 1):
            return 0.0
        if self.config.meter not in self.state.energy_wh.get(day.key, {}):
            return 0.0
        if self.state.recalled is not None and any(
            isp in self.lost_isps(name, day) for name in (self.config.meter, *self.elements)
        ):
            return 0.0
        elements = sum(self.metered_kw(name, day, isp) for name in self.elements)
        return self.metered_kw(self.config.meter, day, isp) - elements - float(base[isp - 1])

    def prognosis(self, day: LocalDay, now: datetime) -> Effect:
        """The connection's D-Prognosis for its aggregator."""
        plan = self.plan(day)
        total = plan.base + sum((self.expected(plan, name) for name in self.elements), start=np.zeros(day.count))
        period = day.key
        revision = self.state.revisions[period] = self.state.revisions.get(period, 0) + 1
        to, point = self.config.aggregator, self.config.usage_point
        header = self.header(to, now, None, "DPrognosis", period, point, str(revision))
        watts = tuple(np.rint(total * 1000).astype(np.int64).tolist())
        rules = self.rules
        return Send(to, DPrognosis(header, day.day, point, revision, watts, rules.timezone, rules.isp_minutes))


def _join(old: Floats, new: Floats, keep: slice) -> Floats:
    joined = new.copy()
    joined[keep] = old[keep]
    return joined
