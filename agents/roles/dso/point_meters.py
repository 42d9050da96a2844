"""What the meters at the congestion points show: power now, and the mean of the running ISP."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from agents.roles.dso.config import DsoConfig
from agents.roles.effects import Effect
from agents.roles.identity import AgentIdentity
from agents.roles.messages import DeviceReport
from agents.roles.part import Part, on
from cim.codec.codec import wire
from cim.model.readings import Kind, Quality

_HOUR = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class PointMetered:
    """Told inside the DSO: a congestion point's meter was read well."""

    point: str


@wire("dso.PointReading")
@dataclass(frozen=True, slots=True)
class PointReading:
    """What a meter showed at an instant; `net_wh` is what it counted in all, taken less given."""

    at: datetime
    power_w: float
    reactive_var: float
    net_wh: float


@wire("dso.PointMeters")
@dataclass(slots=True)
class PointMetersState:
    """By congestion point, the last good reading, and the counter as the running ISP began."""

    last: dict[str, PointReading] = field(default_factory=dict)
    isp_began: dict[str, tuple[datetime, float]] = field(default_factory=dict)


class PointMeters(Part[PointMetersState]):
    """Takes what the agents of the substation meters report."""

    def __init__(self, me: AgentIdentity, config: DsoConfig) -> None:
        super().__init__(me, PointMetersState())
        curtailing = config.curtailing
        self._points = {} if curtailing is None else {meter.meter: meter.point for meter in curtailing.meters}

    @on(DeviceReport)
    def reported(self, message: DeviceReport, sender: str, now: datetime) -> list[Effect]:
        """A reading that is not good counts for nothing."""
        point = self._points.get(sender)
        shown = {r.kind: r.value for r in message.readings if r.quality is Quality.GOOD}
        if point is None or not {Kind.POWER, Kind.ENERGY_IMPORT, Kind.ENERGY_EXPORT} <= set(shown):
            return []
        net_wh = shown[Kind.ENERGY_IMPORT] - shown[Kind.ENERGY_EXPORT]
        reading = PointReading(message.at, shown[Kind.POWER], shown.get(Kind.REACTIVE_POWER, 0.0), net_wh)
        before, self.state.last[point] = self.state.last.get(point), reading
        self._begin_isp(point, before, reading)
        return self.emit(PointMetered(point), now)

    def _begin_isp(self, point: str, before: PointReading | None, reading: PointReading) -> None:
        """Note the counter at the ISP's beginning; if it was not read then, on the way between two readings."""
        day = self.rules.day_of(reading.at)
        begin = day.isp_start(day.isp_of(reading.at))
        known = self.state.isp_began.get(point)
        if known is not None and known[0] == begin:
            return
        counted = reading.net_wh - reading.power_w * ((reading.at - begin) / _HOUR)
        if before is not None and before.at <= begin < reading.at:
            share = (begin - before.at) / (reading.at - before.at)
            counted = before.net_wh + share * (reading.net_wh - before.net_wh)
        self.state.isp_began[point] = (begin, counted)

    def read_at(self, point: str, at: datetime) -> PointReading | None:
        """The reading of this very instant, or None."""
        last = self.state.last.get(point)
        return last if last is not None and last.at == at else None

    def mean_w(self, point: str) -> float:
        """The mean power of the running ISP up to the last reading; 0 at its beginning."""
        last, (begin, counted) = self.state.last[point], self.state.isp_began[point]
        return (last.net_wh - counted) / ((last.at - begin) / _HOUR) if last.at > begin else 0.0
