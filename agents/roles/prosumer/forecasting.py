"""The prosumer's forecasting desk: what its connection will draw, and what it tells its aggregator."""

from __future__ import annotations

from datetime import date, datetime, timedelta

import numpy as np

from agents.planning import home
from agents.planning.home import ElementConfig
from agents.planning.messages import AssetReport, MeterUpdate, WeatherBulletin
from agents.planning.storage import Floats
from agents.roles.base import on
from agents.roles.contract import Arm, Connected, Effect, Measured, Poll, Publish, Send, Started
from agents.roles.prosumer.state import ProsumerBase
from cim.model.intervals import LocalDay
from cim.model.readings import Kind, Quality, Reading
from devices.port import DeviceKind, ThermalDescription, ThermalUsage, VehiclePlugged, VehicleUnplugged
from market.uftp import DPrognosis

PATIENCE = timedelta(minutes=2)  # how long to wait at the start for assets that do not answer
DAY_AHEAD_HOUR = 11  # local time on the day before at which tomorrow is forecast
REVISION_MINUTE = 5  # of each hour: after the first control interval, when the last hour is metered


class ForecastingDesk(ProsumerBase):
    """Forecasts, revisions and metering of the connection."""

    @on(Started)
    def started(self, event: Started, now: datetime) -> list[Effect]:
        """Arm the day-ahead forecasts and the hourly revisions of the operated days."""
        effects: list[Effect] = [Arm("publish", now + PATIENCE)]
        for day in self.rules.periods:
            key = day.day.isoformat()
            effects.append(Arm(f"metering {key}", day.end + timedelta(hours=1)))
            if now < day.start:
                effects.append(Arm(f"forecast {key}", max(day.next(-1).at(DAY_AHEAD_HOUR), now)))
            if now < day.end:
                effects.append(Arm(f"revise {key}", max(day.start + timedelta(minutes=REVISION_MINUTE), now)))
        return effects

    @on(Connected)
    def connected(self, event: Connected, now: datetime) -> list[Effect]:
        """The meter answers: read it through the operated days."""
        return [Poll(self.config.meter), Arm("control", max(self.rules.periods[0].start, now))]

    def timer_control(self, _: str, now: datetime) -> list[Effect]:
        """Read the meter each control interval."""
        following = now + timedelta(seconds=self.rules.control_s)
        more = following <= self.rules.periods[-1].end
        return [Poll(self.config.meter), *([Arm("control", following)] if more else [])]

    @on(WeatherBulletin)
    def weather(self, message: WeatherBulletin, sender: str, now: datetime) -> list[Effect]:
        """Keep the newest forecast of the sun."""
        held = self.state.weather
        if sender == self.config.market and (held is None or message.forecast.issued >= held.issued):
            self.state.weather = message.forecast
        return []

    @on(AssetReport)
    def reported(self, message: AssetReport, sender: str, now: datetime) -> list[Effect]:
        """Keep an asset's state; what it drew counts for the interval behind it."""
        if sender not in self.elements:
            return []
        before = self.state.reports.get(sender, message)
        self.state.reports[sender] = message
        effects: list[Effect] = []
        for news in message.news:
            if isinstance(news, VehiclePlugged):
                self.state.vehicles[sender] = news
                # The register as it stood before: by this report the vehicle may have taken something already.
                self.state.plugged_wh[sender] = value(before, Kind.ENERGY_IMPORT) or 0.0
                effects += self._free(sender, now)
            elif isinstance(news, VehicleUnplugged):
                self.state.vehicles.pop(sender, None)
                effects += self._free(sender, now)
            elif isinstance(news, ThermalDescription):
                self.state.rooms[sender] = news
            elif isinstance(news, ThermalUsage):
                self.state.usages[sender] = news
        power = value(message, Kind.POWER)
        interval = timedelta(seconds=self.rules.control_s)
        if power is not None and now > self.rules.periods[0].start:
            self.add_energy(sender, now - interval, now, power * interval / timedelta(hours=1))
        return effects

    def _free(self, name: str, now: datetime) -> list[Effect]:
        """A vehicle came or left: what an order holds its station to was meant for another one."""
        day = self.rules.day_of(now)
        plan = self.state.plans.get(day.day.isoformat())
        if plan is None:
            return []
        held = plan.held[name].copy()
        held[day.isp_of(now) - 1 :] = np.nan
        plan.held[name] = held
        return self.schedules(day)

    @on(Measured)
    def metered(self, event: Measured, now: datetime) -> list[Effect]:
        """The meter's counters: energy per ISP, and the mean power for the aggregator."""
        effects: list[Effect] = [Publish("telemetry", event.readings)]
        counters = {r.kind: r.value for r in event.readings if r.quality is Quality.GOOD}
        if Kind.ENERGY_IMPORT not in counters or Kind.ENERGY_EXPORT not in counters:
            return [*effects, *self._update(now - timedelta(seconds=self.rules.control_s), now, None)]
        net = counters[Kind.ENERGY_IMPORT] - counters[Kind.ENERGY_EXPORT]
        before, since = self.state.counter_wh, self.state.counter_at
        self.state.counter_wh, self.state.counter_at = net, now
        if before is None or since is None or since >= now or now <= self.rules.periods[0].start:
            return effects
        self.add_energy(self.config.meter, since, now, net - before)
        power = round((net - before) / ((now - since) / timedelta(hours=1)))
        return [*effects, *self._update(since, now, power)]

    def _update(self, start: datetime, end: datetime, power_w: int | None) -> list[Effect]:
        if end <= self.rules.periods[0].start:
            return []
        return [Send(self.config.aggregator, MeterUpdate(self.config.usage_point, start, end, power_w))]

    def timer_forecast(self, period: str, now: datetime) -> list[Effect]:
        """Day-ahead: forecast the whole day, plan the batteries on it, tell the aggregator."""
        day = self.rules.day(date.fromisoformat(period))
        self.replan(day, 1, now)
        return [self.prognosis(day, now), *self.schedules(day)]

    def timer_revise(self, period: str, now: datetime) -> list[Effect]:
        """Each hour of the day: forecast the rest of it again with what was measured meanwhile."""
        day = self.rules.day(date.fromisoformat(period))
        self.replan(day, day.isp_of(now) + 1, now)
        following = now + timedelta(hours=1)
        more: list[Effect] = [Arm(f"revise {period}", following)] if following < day.end else []
        return [self.prognosis(day, now), *self.schedules(day), *more]

    def replan(self, day: LocalDay, first: int, now: datetime) -> None:
        """Renew the forecast of each element and the base from ISP `first` on; what orders hold stays held."""
        plan = self.plan(day)
        if first > day.count:
            return
        keep = slice(0, first - 1)
        base = home.like_day(self.state.base_history_kw, day.count)
        plan.base = _join(plan.base, home.corrected(base, self._base_kw(day, first - 1), first), keep)
        for name, config in self.elements.items():
            if config.kind is not DeviceKind.BATTERY:
                plan.forecast[name] = _join(plan.forecast[name], self._expected(name, config, day, first, now), keep)
        if first == 1:  # a battery follows one plan all day: what it gives is then known to the watt-hour
            net = plan.base + sum((self.expected(plan, n) for n in self._driven()), start=np.zeros(day.count))
            for name, config in self.elements.items():
                if config.kind is DeviceKind.BATTERY:
                    stored = self.stored_kwh(name, day.start)
                    plan.forecast[name] = home.self_consumption(net, config, stored, 1, self.rules.hours)
                    net = net + plan.forecast[name]

    def _driven(self) -> list[str]:
        """The elements that are not batteries, in order."""
        return [name for name, config in self.elements.items() if config.kind is not DeviceKind.BATTERY]

    def _expected(self, name: str, config: ElementConfig, day: LocalDay, first: int, now: datetime) -> Floats:
        if config.kind is DeviceKind.PV:
            return home.solar(config, self.state.weather, day)
        if config.kind is DeviceKind.CHP:
            return np.full(day.count, config.planned_w / 1000)
        if config.kind is DeviceKind.GATEWAY:
            usual = home.heating(self.state.usages.get(name), self.state.rooms.get(name), day)
            return usual if name in self.state.usages else home.like_day(config.history_kw, day.count)
        usual = home.like_day(config.history_kw, day.count)
        session = self.state.vehicles.get(name)
        if session is None or first == 1:
            return usual
        plugged = np.array([day.isp_start(k + 1) < session.departure for k in range(day.count)])
        plan = home.charging(session, self.delivered_wh(name), config, day, first, now)
        return np.where(plugged, plan, usual)

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
            plan = self.state.plans.get(day.day.isoformat())
            until = min(day.isp_start(day.isp_of(when) + 1), at)
            if plan is not None:
                power = self.expected(plan, name)[day.isp_of(when) - 1]
                into = power * home.EFFICIENCY if power > 0 else power / home.EFFICIENCY
                energy += into * ((until - when) / timedelta(hours=1))
            when = until
        return min(max(energy, 0.0), self.elements[name].capacity_wh / 1000)

    def _base_kw(self, day: LocalDay, isp: int) -> float:
        """What the base drew in ISP `isp`: the meter less the elements; the forecast where nothing was metered."""
        plan = self.plan(day)
        if isp < 1 or self.config.meter not in self.state.energy_wh.get(day.day.isoformat(), {}):
            return float(plan.base[max(isp, 1) - 1])
        elements = sum(self.measured_kw(name, day)[isp - 1] for name in self.elements)
        return float(self.measured_kw(self.config.meter, day)[isp - 1] - elements)

    def prognosis(self, day: LocalDay, now: datetime) -> Effect:
        """The connection's D-Prognosis for its aggregator."""
        plan = self.plan(day)
        total = plan.base + sum((self.expected(plan, name) for name in self.elements), start=np.zeros(day.count))
        self.state.revision += 1
        header = self.header(self.config.aggregator, now)
        watts = tuple(round(float(x) * 1000) for x in total)
        rules = self.rules
        return Send(
            self.config.aggregator,
            DPrognosis(
                header, day.day, self.config.usage_point, self.state.revision, watts, rules.timezone, rules.isp_minutes
            ),
        )


def value(report: AssetReport, kind: Kind) -> float | None:
    """A good reading's value, or None."""
    found: Reading | None = next((r for r in report.readings if r.kind is kind and r.quality is Quality.GOOD), None)
    return None if found is None else found.value


def _join(old: Floats, new: Floats, keep: slice) -> Floats:
    joined = new.copy()
    joined[keep] = old[keep]
    return joined
