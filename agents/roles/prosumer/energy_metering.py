"""What the connection and its elements draw, as their counters say: energy by ISP, for the real span between two readings."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

import numpy as np

from agents.roles.effects import Effect, Publish, Send, Timer
from agents.roles.events import Connected, Measured
from agents.roles.identity import AgentIdentity
from agents.roles.messages import DeviceReport, MeterUpdate
from agents.roles.part import MOMENT, Recovery, on
from agents.roles.parts.polling import begin_polling, poll_on
from agents.roles.parts.recovery import LedgerHistory
from agents.roles.prosumer.config import ProsumerConfig
from agents.roles.prosumer.element_reports import value
from agents.roles.prosumer.energy_counting import EnergyCounting
from agents.roles.prosumer.isp_energy import IspEnergy
from agents.roles.prosumer.told import ElementReported, PlantCounted
from cim.codec.codec import wire
from cim.model.arrays import Floats
from cim.model.counters import Counted, CounterReading, CounterStep, CounterTrack, follow
from cim.model.intervals import LocalDay
from cim.model.plausibility import judged
from cim.model.readings import Kind, Quality
from cim.platform.publications.measured import DeviceBack, DeviceLost, ReadingRefused, ReadingsTaken
from market.contracts.contract import BaselineKind
from market.register.providers import aggregator_on

_HOUR = timedelta(hours=1)
_COUNTERS = (Kind.ENERGY_IMPORT, Kind.ENERGY_EXPORT)
_GAP_INTERVALS = 2  # between readings further apart nobody knows in which ISP the energy fell
_STILL = 0.01  # of what a rating carries in an ISP: a counter that moved less over a gap stood still all the time


@wire("prosumer.timer.control")
@dataclass(frozen=True, slots=True)
class ReadMeter(Timer):
    """A control interval begins."""


@wire("prosumer.EnergyMetering")
@dataclass(slots=True)
class EnergyMeteringState:
    """What was read.

    Attributes:
        energy: of each source (an element or the meter).
        tracks: by source, where its counters stand.
        read_at: by element, its last good reading of power.
        met: the meter was there once, read or not: who comes back after a crash does not begin to read it again.
        lost: the meter does not answer.
    """

    energy: IspEnergy = field(default_factory=IspEnergy)
    tracks: dict[str, CounterTrack] = field(default_factory=dict)
    read_at: dict[str, datetime] = field(default_factory=dict)
    met: bool = False
    lost: bool = False


class EnergyMetering(EnergyCounting[EnergyMeteringState]):
    """Reads the meter each control interval, and counts what it and the elements measured.

    What an element or the connection took is the difference of its counters. Only an element that has no counter is
    counted by its power, from one reading to the next.
    """

    def __init__(self, me: AgentIdentity, config: ProsumerConfig) -> None:
        super().__init__(me, EnergyMeteringState())
        self._config, self._kinds = config, config.kinds()
        self._rated_w = {config.meter: config.carries_w} | {e.element: e.rated_w for e in config.elements}
        self.sources = (config.meter, *self._kinds)

    @property
    def waits(self) -> bool:
        """The meter was never there."""
        return not (self.state.met or self.has_read)

    @property
    def has_read(self) -> bool:
        """Whether the meter was ever read."""
        return self._good(self._config.meter) is not None

    def has_read_at(self, at: datetime) -> bool:
        """Whether the meter was read at this instant or later."""
        good = self._good(self._config.meter)
        return good is not None and good.at >= at

    def _good(self, source: str) -> CounterReading | None:
        track = self.state.tracks.get(source)
        return None if track is None else track.good

    @on(Connected)
    def connected(self, event: Connected, now: datetime) -> list[Effect]:
        """The meter answers: read it through the operated days."""
        self.state.met = True
        return begin_polling(self.rules, self._config.meter, ReadMeter(), now)

    @on(ReadMeter)
    def read(self, timer: ReadMeter, now: datetime) -> list[Effect]:
        """Read the meter each control interval."""
        return poll_on(self.rules, self._config.meter, timer, now)

    @on(Measured)
    def measured(self, event: Measured, now: datetime) -> list[Effect]:
        """The meter's counters: energy per ISP, and the mean power for the aggregator."""
        meter = self._config.meter
        readings = tuple(judged(r, rated_w=self._config.carries_w) for r in event.readings)
        answering = self._answering(event.fault, now)
        good = {r.kind: r.value for r in readings if r.quality is Quality.GOOD}
        blind = self._update(now - self.rules.interval, now, None)
        if any(kind not in good for kind in _COUNTERS):
            return [Publish(ReadingsTaken(now, readings)), *answering, *blind]
        begun = self.has_read
        step = self._follow(meter, CounterReading(now, *(good[kind] for kind in _COUNTERS)), good.get(Kind.POWER))
        if step.fault is not None:
            readings = tuple(replace(r, quality=Quality.INVALID) if r.kind in _COUNTERS else r for r in readings)
            return [Publish(ReadingsTaken(now, readings)), *answering, self._refused(meter, step.fault, now), *blind]
        effects: list[Effect] = [Publish(ReadingsTaken(now, readings)), *answering]
        if not begun:
            # What the running ISP took so far is lost: to who holds it against a promise the meter was blind.
            day = self.rules.day_of(now)
            return [*effects, *self._update(day.isp_start(day.isp_of(now)), now, None)]
        if step.counted and now > self.rules.periods[0].start:
            start, energy_wh = step.counted[0].start, sum(part.energy_wh for part in step.counted)
            effects += self._update(start, now, round(energy_wh / ((now - start) / _HOUR)))
        return effects

    def _answering(self, fault: str | None, now: datetime) -> list[Effect]:
        """Tell when the meter does not answer any more, and when it does again."""
        if (fault is not None) is self.state.lost:
            return []
        self.state.lost, meter = fault is not None, self._config.meter
        return [Publish(DeviceBack(now, meter) if fault is None else DeviceLost(now, meter, fault))]

    def _refused(self, source: str, fault: str, now: datetime) -> Effect:
        return Publish(ReadingRefused(now, source, fault))

    def _update(self, start: datetime, end: datetime, power_w: int | None) -> list[Effect]:
        if end <= self.rules.periods[0].start:
            return []
        to = aggregator_on(self._config, self.rules.day_of(end - MOMENT).day)
        return [Send(to, MeterUpdate(self._config.usage_point, start, end, power_w))]

    @on(ElementReported)
    def reported(self, event: ElementReported, now: datetime) -> list[Effect]:
        """Count what an element took since its last good reading, however long that is ago."""
        report = event.report
        name, at, power_w = report.element, report.at, value(report, Kind.POWER)
        counters = self._counters(report)
        if counters is not None:
            step = self._follow(name, counters, power_w)
            if step.fault is not None:
                return [self._refused(name, step.fault, now)]
            plant = self._kinds[name].baseline is BaselineKind.AVAILABLE_POWER
            return self.emit(PlantCounted(report, step.counted), now) if plant else []
        last = self.state.read_at.get(name)
        if power_w is None or (last is not None and at <= last):
            return []
        self.state.read_at[name] = at
        if name not in self.state.tracks and last is not None and at - last <= _GAP_INTERVALS * self.rules.interval:
            energy_wh = power_w * ((at - last) / _HOUR)
            self._count(name, Counted(last, at, energy_wh, abs(energy_wh)))
        return []

    def _counters(self, report: DeviceReport) -> CounterReading | None:
        """An element's counters, if its kind has them and this report shows those that it needs."""
        taken, given = (value(report, kind) for kind in _COUNTERS)
        needed = self._kinds[report.element].register_wh(taken, given)
        return None if needed is None else CounterReading(report.at, taken, given)

    def _follow(self, source: str, reading: CounterReading, power_w: float | None) -> CounterStep:
        """Go on with a reading of a source's counters, and count what it shows."""
        step = follow(self.state.tracks.get(source, CounterTrack()), reading, self._rated_w[source], power_w)
        self.state.tracks[source] = step.track
        for part in step.counted:
            self._count(source, part)
        return step

    def _count(self, source: str, part: Counted) -> None:
        """Put energy where it fell; what fell before the first operated day is none of the market's."""
        first = self.rules.periods[0].start
        if part.end <= first:
            return
        start, span = max(part.start, first), part.end - part.start
        still_wh = _STILL * self._rated_w[source] * self.rules.hours
        known = span <= _GAP_INTERVALS * self.rules.interval or part.moved_wh <= still_wh
        self.state.energy.add(self.rules, source, start, part.end, part.energy_wh * ((part.end - start) / span), known)

    def register_wh(self, element: str) -> float | None:
        """An element's net energy register at its last good reading."""
        good = self._good(element)
        return None if good is None else good.net_wh

    def measured_kw(self, source: str, day: LocalDay) -> Floats:
        """[T] mean power of an element or the meter on a day, as measured so far."""
        return self.energy_wh(source, day) / self.rules.hours / 1000

    def metered_so_far_kw(self, element: str, day: LocalDay) -> Floats | None:
        """[T] mean power in the ISPs that an element was read through; NaN elsewhere. None before the first of them."""
        lost = self.state.energy.lost(element, day)
        return None if lost.all() else np.where(lost, np.nan, self.measured_kw(element, day))

    def base_kw(self, day: LocalDay, isp: int) -> float | None:
        """Mean power of the connection less its elements in an ISP that is over; None where that is not known."""
        if isp < 1 or any(isp in self.lost_isps(source, day) for source in self.sources):
            return None
        meter, *elements = (float(self.measured_kw(source, day)[isp - 1]) for source in self.sources)
        return meter - sum(elements)

    def recover(self, history: LedgerHistory, now: datetime) -> Recovery:
        """Meter from now on; a reading is never guessed."""
        return Recovery()
