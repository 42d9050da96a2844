"""The prosumer's metering desk: what its connection and its elements draw, as they are read."""

from __future__ import annotations

from datetime import datetime, timedelta

import numpy as np

from agents.roles.effects import Effect, Publish, Send
from agents.roles.events import Measured
from agents.roles.messages import DeviceReport, MeterUpdate
from agents.roles.part import on
from agents.roles.prosumer.state import ProsumerBase
from cim.model.devices import ThermalDescription, ThermalUsage, VehiclePlugged, VehicleUnplugged
from cim.model.readings import Kind, Quality, Reading
from cim.platform.publications import ReadingsTaken

_HOUR = timedelta(hours=1)


class MeteringDesk(ProsumerBase):
    """Books energy for the real span between two readings, however long that is."""

    @on(DeviceReport)
    def reported(self, message: DeviceReport, sender: str, now: datetime) -> list[Effect]:
        """Keep an asset's state; what it drew counts for the interval behind it."""
        if sender not in self.elements:
            return []
        before = self.state.registers_wh.get(sender)
        self.state.reports[sender] = message
        effects: list[Effect] = []
        for news in message.news:
            if isinstance(news, VehiclePlugged):
                known = self.state.vehicles.get(sender)
                self.state.vehicles[sender] = news
                if known is not None and known.same_stay(news):
                    continue  # the same vehicle, told again: perhaps what it needs is known better now
                # The register as it stood before: by this report the vehicle may have taken something already.
                register = value(message, Kind.ENERGY_IMPORT) if before is None else before
                self.state.plugged_wh[sender] = register or 0.0
                effects += self._free(sender, now)
            elif isinstance(news, VehicleUnplugged):
                if self.state.vehicles.pop(sender, None) is not None:
                    effects += self._free(sender, now)
            elif isinstance(news, ThermalDescription):
                self.state.rooms[sender] = news
            elif isinstance(news, ThermalUsage):
                self.state.usages[sender] = news
        self._take_energy(message)
        return effects

    def _take_energy(self, report: DeviceReport) -> None:
        """Book what an element drew since its last good reading, however long that is ago."""
        name, at = report.element, report.at
        power = value(report, Kind.POWER)
        if power is None:
            return
        last, before = self.state.read_at.get(name), self.state.registers_wh.get(name)
        taken, given = value(report, Kind.ENERGY_IMPORT), value(report, Kind.ENERGY_EXPORT)
        register = self.kinds[name].register_wh(taken, given)
        first = self.rules.periods[0].start
        if last is not None and last < at and at > first:
            energy = power * ((at - last) / _HOUR)
            if at - last > 2 * self.rules.interval and register is not None and before is not None:
                energy = register - before  # over a gap the register knows better than the power at its end
            since = max(last, first)
            self.add_energy(name, since, at, energy * ((at - since) / (at - last)))
        self.first_read(name, at)
        if last is None or last <= at:
            self.state.read_at[name] = at
            if register is not None:
                self.state.registers_wh[name] = register

    def _free(self, name: str, now: datetime) -> list[Effect]:
        """A vehicle came or left: what an order holds its station to was meant for another one."""
        day = self.rules.day_of(now)
        plan = self.state.plans.get(day.key)
        if plan is None:
            return []
        held = plan.held[name].copy()
        held[day.isp_of(now) - 1 :] = np.nan
        plan.held[name] = held
        return self.schedules(day)

    @on(Measured)
    def metered(self, event: Measured, now: datetime) -> list[Effect]:
        """The meter's counters: energy per ISP, and the mean power for the aggregator."""
        effects: list[Effect] = [Publish(ReadingsTaken(now, event.readings))]
        counters = {r.kind: r.value for r in event.readings if r.quality is Quality.GOOD}
        if Kind.ENERGY_IMPORT not in counters or Kind.ENERGY_EXPORT not in counters:
            return [*effects, *self._update(now - self.rules.interval, now, None)]
        net = counters[Kind.ENERGY_IMPORT] - counters[Kind.ENERGY_EXPORT]
        before, since = self.state.counter_wh, self.state.counter_at
        self.state.counter_wh, self.state.counter_at = net, now
        if self.first_read(self.config.meter, now):
            # What the running ISP took so far is lost: to who holds it against a promise the meter was blind.
            day = self.rules.day_of(now)
            effects += self._update(day.isp_start(day.isp_of(now)), now, None)
        if before is None or since is None or since >= now or now <= self.rules.periods[0].start:
            return effects
        self.add_energy(self.config.meter, since, now, net - before)
        power = round((net - before) / ((now - since) / _HOUR))
        return [*effects, *self._update(since, now, power)]

    def _update(self, start: datetime, end: datetime, power_w: int | None) -> list[Effect]:
        if end <= self.rules.periods[0].start:
            return []
        return [Send(self.config.aggregator, MeterUpdate(self.config.usage_point, start, end, power_w))]


def value(report: DeviceReport, kind: Kind) -> float | None:
    """A good reading's value, or None."""
    found: Reading | None = next((r for r in report.readings if r.kind is kind and r.quality is Quality.GOOD), None)
    return None if found is None else found.value
