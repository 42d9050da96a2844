"""What the connection and its elements draw, as they are read: energy by ISP, for the real span between two readings."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

import numpy as np

from agents.roles.effects import Effect, Publish, Send, Timer
from agents.roles.events import Connected, Measured
from agents.roles.identity import AgentIdentity
from agents.roles.messages import MeterUpdate
from agents.roles.part import Part, Recovery, on
from agents.roles.parts.polling import begin_polling, poll_on
from agents.roles.parts.recovery import LedgerHistory
from agents.roles.prosumer.config import ProsumerConfig
from agents.roles.prosumer.element_reports import value
from agents.roles.prosumer.told import DayMeteringTold, ElementReported
from cim.codec.codec import wire
from cim.model.arrays import Floats
from cim.model.intervals import LocalDay
from cim.model.readings import Kind, Quality
from cim.platform.publications.measured import ReadingsTaken

_HOUR = timedelta(hours=1)


@wire("prosumer.timer.control")
@dataclass(frozen=True, slots=True)
class ReadMeter(Timer):
    """A control interval begins."""


@wire("prosumer.EnergyMetering")
@dataclass(slots=True)
class EnergyMeteringState:
    """What was read.

    Attributes:
        energy_wh: by day and source (an element or the meter), [T] watt-hours.
        counter_wh, counter_at: the meter's net counter, and when it was read last.
        registers_wh, read_at: by element, its energy register at its last good reading, and when that was.
        recalled: when everything was lost; what was metered before is not known.
        read_since: by source, its first reading after that.
    """

    energy_wh: dict[date, dict[str, Floats]] = field(default_factory=dict)
    counter_wh: float | None = None
    counter_at: datetime | None = None
    registers_wh: dict[str, float] = field(default_factory=dict)
    read_at: dict[str, datetime] = field(default_factory=dict)
    recalled: datetime | None = None
    read_since: dict[str, datetime] = field(default_factory=dict)


class EnergyMetering(Part[EnergyMeteringState]):
    """Reads the meter each control interval, and counts what it and the elements measured."""

    def __init__(self, me: AgentIdentity, config: ProsumerConfig) -> None:
        super().__init__(me, EnergyMeteringState())
        self._config, self._kinds = config, config.kinds()
        self.sources = (config.meter, *self._kinds)

    @property
    def waits(self) -> bool:
        """The meter was never read."""
        return not self.has_read

    @property
    def has_read(self) -> bool:
        """Whether the meter was ever read."""
        return self.state.counter_at is not None

    def has_read_at(self, at: datetime) -> bool:
        """Whether the meter was read at this instant or later."""
        return self.state.counter_at is not None and self.state.counter_at >= at

    @on(Connected)
    def connected(self, event: Connected, now: datetime) -> list[Effect]:
        """The meter answers: read it through the operated days."""
        return begin_polling(self.rules, self._config.meter, ReadMeter(), now)

    @on(ReadMeter)
    def read(self, timer: ReadMeter, now: datetime) -> list[Effect]:
        """Read the meter each control interval."""
        return poll_on(self.rules, self._config.meter, timer, now)

    @on(Measured)
    def measured(self, event: Measured, now: datetime) -> list[Effect]:
        """The meter's counters: energy per ISP, and the mean power for the aggregator."""
        effects: list[Effect] = [Publish(ReadingsTaken(now, event.readings))]
        counters = {r.kind: r.value for r in event.readings if r.quality is Quality.GOOD}
        if Kind.ENERGY_IMPORT not in counters or Kind.ENERGY_EXPORT not in counters:
            return [*effects, *self._update(now - self.rules.interval, now, None)]
        net = counters[Kind.ENERGY_IMPORT] - counters[Kind.ENERGY_EXPORT]
        before, since = self.state.counter_wh, self.state.counter_at
        self.state.counter_wh, self.state.counter_at = net, now
        if self._first_read(self._config.meter, now):
            # What the running ISP took so far is lost: to who holds it against a promise the meter was blind.
            day = self.rules.day_of(now)
            effects += self._update(day.isp_start(day.isp_of(now)), now, None)
        if before is None or since is None or since >= now or now <= self.rules.periods[0].start:
            return effects
        self._add_energy(self._config.meter, since, now, net - before)
        power = round((net - before) / ((now - since) / _HOUR))
        return [*effects, *self._update(since, now, power)]

    def _update(self, start: datetime, end: datetime, power_w: int | None) -> list[Effect]:
        if end <= self.rules.periods[0].start:
            return []
        return [Send(self._config.aggregator, MeterUpdate(self._config.usage_point, start, end, power_w))]

    @on(ElementReported)
    def reported(self, event: ElementReported, now: datetime) -> list[Effect]:
        """Count what an element drew since its last good reading, however long that is ago."""
        report, state = event.report, self.state
        name, at, power = report.element, report.at, value(report, Kind.POWER)
        if power is None:
            return []
        last, before = state.read_at.get(name), state.registers_wh.get(name)
        taken, given = value(report, Kind.ENERGY_IMPORT), value(report, Kind.ENERGY_EXPORT)
        register = self._kinds[name].register_wh(taken, given)
        first = self.rules.periods[0].start
        if last is not None and last < at and at > first:
            energy = power * ((at - last) / _HOUR)
            if at - last > 2 * self.rules.interval and register is not None and before is not None:
                energy = register - before  # over a gap the register knows better than the power at its end
            since = max(last, first)
            self._add_energy(name, since, at, energy * ((at - since) / (at - last)))
        self._first_read(name, at)
        if last is None or last <= at:
            state.read_at[name] = at
            if register is not None:
                state.registers_wh[name] = register
        return []

    def _first_read(self, source: str, at: datetime) -> bool:
        """Note a reading; whether it is the first after a loss of everything."""
        if self.state.recalled is None or source in self.state.read_since:
            return False
        self.state.read_since[source] = at
        return True

    def _add_energy(self, source: str, start: datetime, end: datetime, energy_wh: float) -> None:
        """Spread a measured energy over the ISPs between two instants."""
        for day, isp, share in self._shares(start, end):
            of_day = self.state.energy_wh.setdefault(day.day, {})
            known = of_day.get(source)
            values = np.zeros(day.count) if known is None else known.copy()  # arrays in the state are never changed
            values[isp - 1] += energy_wh * share
            of_day[source] = values

    def _shares(self, start: datetime, end: datetime) -> Iterator[tuple[LocalDay, int, float]]:
        """The ISPs between two instants, and how much of that time falls into each."""
        rest = start
        while rest < end:
            day = self.rules.day_of(rest)
            isp = day.isp_of(rest)
            until = min(day.isp_start(isp + 1), end)
            yield day, isp, (until - rest) / (end - start)
            rest = until

    def register_wh(self, element: str) -> float | None:
        """An element's net energy register at its last good reading."""
        return self.state.registers_wh.get(element)

    def energy_wh(self, source: str, day: LocalDay) -> Floats:
        """[T] energy of an element or the meter on a day, as measured so far."""
        values = self.state.energy_wh.get(day.day, {}).get(source)
        return np.zeros(day.count) if values is None else values

    def measured_kw(self, source: str, day: LocalDay) -> Floats:
        """[T] mean power of an element or the meter on a day, as measured so far."""
        return self.energy_wh(source, day) / self.rules.hours / 1000

    def metered_so_far_kw(self, element: str, day: LocalDay) -> Floats | None:
        """[T] mean power in the ISPs that are over and in which the element was read; NaN elsewhere. None before them."""
        read = self.state.read_at.get(element)
        if read is None or read <= day.start:
            return None
        isps = np.arange(1, day.count + 1)
        known = (isps < day.isp_of(min(read, day.end - day.isp))) & ~np.isin(isps, self.lost_isps(element, day))
        return np.where(known, self.measured_kw(element, day), np.nan)

    def base_kw(self, day: LocalDay, isp: int) -> float | None:
        """Mean power of the connection less its elements in an ISP that is over; None where that is not known."""
        if isp < 1 or not self.has_read_at(day.isp_start(isp + 1)):
            return None
        if self._config.meter not in self.state.energy_wh.get(day.day, {}):
            return None
        if any(isp in self.lost_isps(source, day) for source in self.sources):
            return None
        meter, *elements = (float(self.measured_kw(source, day)[isp - 1]) for source in self.sources)
        return meter - sum(elements)

    def lost_isps(self, source: str, day: LocalDay) -> tuple[int, ...]:
        """The ISPs of a day that an element or the meter was not read through, as everything was lost meanwhile."""
        if self.state.recalled is None:
            return ()
        since = self.state.read_since.get(source, day.end)
        return tuple(isp for isp in range(1, day.count + 1) if day.isp_start(isp) < since)

    @on(DayMeteringTold)
    def told(self, event: DayMeteringTold, now: datetime) -> list[Effect]:
        """Days before the one that was told, and told themselves, are not counted any more."""
        for period in event.done:
            self.state.energy_wh.pop(period, None)
        return []

    def prune(self, before: date) -> None:
        """Days that are closed for good."""
        self.state.energy_wh = {period: energy for period, energy in self.state.energy_wh.items() if period >= before}

    def recover(self, history: LedgerHistory, now: datetime) -> Recovery:
        """Meter from now on; a reading is never guessed."""
        self.state.recalled = now
        return Recovery()
