"""A prosumer's connection to the grid: the sum of its units, and the counters a smart meter shows."""

from __future__ import annotations

from collections.abc import Callable

from environment.physics.battery import Battery
from environment.physics.unit import QUARTER_S, RESOLUTION_S, SECONDS_PER_HOUR, PhysicalUnit, next_multiple

Record = Callable[[float, float], None]


class SubstationMeter:
    """What a meter at a congestion point sees: the sum of the connections below it, without the grid's losses.

    Attributes:
        import_wh, export_wh: what it counts of the sum, from one `count` to the next.
    """

    def __init__(self, below: tuple[Connection, ...]) -> None:
        self._below = below
        self.import_wh = 0.0
        self.export_wh = 0.0

    @property
    def power_w(self) -> float:
        """Net active power now."""
        return sum(connection.power_w for connection in self._below)

    @property
    def reactive_var(self) -> float:
        """Net reactive power now."""
        return sum(connection.reactive_var for connection in self._below)

    def count(self) -> None:
        """Count what flowed since the last time; within that time it nets."""
        net_wh = sum(connection.import_wh - connection.export_wh for connection in self._below)
        flowed_wh = net_wh - (self.import_wh - self.export_wh)
        if flowed_wh >= 0:
            self.import_wh += flowed_wh
        else:
            self.export_wh -= flowed_wh


class Connection:
    """A usage point (CIM) with everything behind it.

    Args:
        name: the prosumer's name.
        units: base load and devices.

    Attributes:
        import_wh, export_wh: what a meter counts of the NET power (SunSpec 203 `TotWhImp`, `TotWhExp`).
    """

    def __init__(self, name: str, units: tuple[PhysicalUnit, ...]) -> None:
        self.name = name
        self.units = units
        self._batteries = tuple(unit for unit in units if isinstance(unit, Battery))
        self._others = tuple(unit for unit in units if not isinstance(unit, Battery))
        self.import_wh = 0.0
        self.export_wh = 0.0

    @property
    def power_w(self) -> float:
        """Net active power now."""
        return sum(unit.power_w for unit in self.units)

    @property
    def reactive_var(self) -> float:
        """Net reactive power now."""
        return sum(unit.reactive_var for unit in self.units)

    def advance(self, from_s: float, to_s: float, record: Record | None = None) -> None:
        """Integrate from `from_s` to `to_s`, exactly: no step crosses an event or a quarter-hour.

        `record(now_s, seconds)` is called before each step, when all powers are decided.
        """
        now_s = from_s
        while now_s < to_s:
            self._settle(now_s)
            end_s = min(to_s, next_multiple(now_s, QUARTER_S))
            for unit in self.units:
                end_s = min(end_s, unit.until(now_s))
            if end_s <= now_s:
                # The event is nearer than a float can tell apart from now; a millisecond moves everything past it.
                end_s = min(now_s + RESOLUTION_S, to_s)
            seconds = end_s - now_s
            if record is not None:
                record(now_s, seconds)
            energy_wh = self.power_w * seconds / SECONDS_PER_HOUR
            if energy_wh >= 0:
                self.import_wh += energy_wh
            else:
                self.export_wh -= energy_wh
            for unit in self.units:
                unit.step(seconds, now_s)
            now_s = end_s
        self._settle(now_s)

    def _settle(self, now_s: float) -> None:
        """Let all units decide their power; batteries last, in order, each for what the others leave."""
        for unit in self._others:
            unit.settle(now_s)
        rest_w = sum(unit.power_w for unit in self._others)
        for battery in self._batteries:
            battery.others_w = rest_w
            battery.settle(now_s)
            rest_w += battery.power_w
