"""A world of plain devices: connections with their meters, a weather service, and the truth by ISP."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from cim.model.devices import DeviceKind, Nameplate, News, WeatherForecast
from devices.port.tells import OnNews
from experiments.faults.world.devices import NEVER, PlainDevice

_HOUR = timedelta(hours=1)


class PlainMeter(PlainDevice):
    """What flows through a connection: it measures for itself, between the same instants as what stands behind it."""

    def __init__(self, plate: Nameplate, behind: Sequence[PlainDevice]) -> None:
        super().__init__(plate)
        self.behind = tuple(behind)

    def settle(self, step: int, now: datetime) -> datetime:
        """The sum of what is behind it, settled first."""
        until, power = NEVER, 0.0
        for device in self.behind:
            own = device.settle(step, now)
            until = own if own < until else until
            power += device.power_w
        self.power_w = power
        return until

    def run(self, hours: float, isp: int) -> None:
        """Count."""
        for device in self.behind:
            device.run(hours, isp)
        super().run(hours, isp)


class PlainWeather:
    """A weather service as `Port` and `Tells`: tells its forecast whenever it is asked.

    Args:
        forecasts: [issues, steps] the sun per unit, one issue for each `every`; the last one holds on.
    """

    def __init__(self, name: str, start: datetime, step_s: int, forecasts: Sequence[Sequence[float]], every: timedelta):
        self.name = name
        self.start, self.step_s, self.every = start, step_s, every
        self.forecasts = tuple(tuple(issue) for issue in forecasts)
        self._asked: datetime | None = None

    async def open(self, now: datetime) -> Nameplate:  # noqa: ARG002 - as every port
        """Its nameplate."""
        return Nameplate(DeviceKind.WEATHER, "ILES", "plain", self.name)

    def listen(self, on_news: OnNews) -> None:
        """It never speaks by itself."""

    async def sync(self, now: datetime) -> None:
        """Ask it: what it forecasts now is its news."""
        self._asked = now

    def drain(self) -> tuple[News, ...]:
        """The newest forecast, once for each time it is asked."""
        asked, self._asked = self._asked, None
        if asked is None:
            return ()
        issue = min(max((asked - self.start) // self.every, 0), len(self.forecasts) - 1)
        return (WeatherForecast(asked, self.start, self.step_s, self.forecasts[issue]),)

    async def close(self) -> None:
        """There is no wire."""


class PlainWorld:
    """All connections of a plain site.

    Args:
        start: of step 0 and ISP 0.
        step: how long a profile's value holds.
        isp: over which the truth is summed; a multiple of `step`.
        meters: one for each connection.
    """

    def __init__(
        self, start: datetime, step: timedelta, isp: timedelta, isps: int, meters: Sequence[PlainMeter]
    ) -> None:
        self.start = self.now = start
        self.step, self.isp, self.isps = step, isp, isps
        self.meters = {meter.name: meter for meter in meters}
        for meter in meters:
            for device in (meter, *meter.behind):
                device.energy_wh = [0.0] * isps
            meter.settle(0, start)

    async def advance(self, to: datetime) -> None:
        """Move on to an instant; afterwards every device shows what it does from then on."""
        for meter in self.meters.values():
            self._advance(meter, to)
        self.now = max(to, self.now)

    def _advance(self, meter: PlainMeter, to: datetime) -> None:
        now, step = self.now, (self.now - self.start) // self.step
        boundary = self.start + (step + 1) * self.step
        while now < to:
            until = meter.settle(step, now)
            end = min(until, boundary, to)
            isp = min((now - self.start) // self.isp, self.isps - 1)
            meter.run((end - now) / _HOUR, isp)
            now = end
            if now == boundary:
                step, boundary = step + 1, boundary + self.step
        meter.settle(step, now)

    def end_setpoints(self) -> None:
        """Note the setpoints still in force: they were held at least until now."""
        for meter in self.meters.values():
            for device in meter.behind:
                device.let_go(min(self.now, device.valid_until))
