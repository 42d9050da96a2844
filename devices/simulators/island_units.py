"""An island's units as devices in this process: breaker to mains, forming battery, CHP plant, inverters, stages of loads.

All show what `environment.physics.island_event` does; a setpoint is dropped when its time is over.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from cim.model.devices import DeviceKind, Mode, Nameplate, Setpoint
from cim.model.readings import Kind, Quality, Reading
from devices.port.errors import DeviceFault
from environment.physics import frequency as f
from environment.physics.island_event import IslandEvent

_VOLTS = 400.0
_UNLIMITED_W = 1e12


class Unit(Protocol):
    """What one unit shows and does."""

    kind: DeviceKind

    def shows(self, event: IslandEvent) -> dict[Kind, float | None]:
        """Its readings by kind; None: there is none now."""
        ...

    def does(self, event: IslandEvent, setpoint: Setpoint | None) -> None:
        """Do what it is told; None: its own rule."""
        ...


@dataclass(frozen=True)
class MainsBreaker:
    """Shows the voltage of mains, and the power that flows while it is closed."""

    kind = DeviceKind.METER

    def shows(self, event: IslandEvent) -> dict[Kind, float | None]:
        """Power only while it is closed."""
        return {Kind.VOLTAGE: _VOLTS * event.mains, Kind.POWER: None if event.lost else 0.0}

    def does(self, event: IslandEvent, setpoint: Setpoint | None) -> None:
        """START closes it when in step."""
        event.close(setpoint is not None and setpoint.mode is Mode.START)


@dataclass(frozen=True)
class FormingBattery:
    """Shows the island's voltage, what it gives and holds."""

    kind = DeviceKind.BATTERY

    def shows(self, event: IslandEvent) -> dict[Kind, float | None]:
        """What it gives is negative, as all generation."""
        state = event.island.state
        volts = _VOLTS * event.island.lit
        return {
            Kind.VOLTAGE: volts,
            Kind.POWER: -float(state[f.BATTERY_W]),
            Kind.STORED_ENERGY: float(state[f.STORED_WH]),
        }

    def does(self, event: IslandEvent, setpoint: Setpoint | None) -> None:
        """START forms a dark island anew; TARGET 0 lets it go."""
        if setpoint is not None and setpoint.mode is Mode.START:
            event.start()
        elif setpoint is not None:
            event.stop()


@dataclass(frozen=True)
class Engine:
    """A CHP plant; available power is what it could give, 0 when out of order."""

    kind = DeviceKind.CHP

    def shows(self, event: IslandEvent) -> dict[Kind, float | None]:
        """Power and what could be."""
        could_w = event.island.limits.chp_w if event.outage.chp_ready else 0.0
        return {Kind.POWER: -float(event.island.state[f.CHP_W]), Kind.AVAILABLE_POWER: -could_w}

    def does(self, event: IslandEvent, setpoint: Setpoint | None) -> None:
        """Its own rule is its least power."""
        event.engine(event.island.limits.chp_min_w if setpoint is None else -float(setpoint.power_w))


@dataclass(frozen=True)
class Inverters:
    """PV and wind of the whole island."""

    kind = DeviceKind.PV

    def shows(self, event: IslandEvent) -> dict[Kind, float | None]:
        """Power and what sun and wind could give."""
        return {Kind.POWER: -float(event.island.state[f.PV_W]), Kind.AVAILABLE_POWER: -event.sun_w()}

    def does(self, event: IslandEvent, setpoint: Setpoint | None) -> None:
        """Without a limit only their over-frequency rule holds them back."""
        event.limit_sun(_UNLIMITED_W if setpoint is None else -float(setpoint.power_w))


@dataclass(frozen=True)
class Stage:
    """The switchgear of loads that are shed together; the number is its place by priority."""

    number: int
    kind = DeviceKind.GATEWAY

    def shows(self, event: IslandEvent) -> dict[Kind, float | None]:
        """Power and voltage behind it: both 0 while it is open or the island dark."""
        on = event.island.lit and event.island.closed[self.number] > 0.5
        return {Kind.VOLTAGE: _VOLTS * on, Kind.POWER: float(event.loads_w()[self.number]) * on}

    def does(self, event: IslandEvent, setpoint: Setpoint | None) -> None:
        """A limit of 0 opens it; without one it is left as it is."""
        if setpoint is not None:
            event.connect(self.number, setpoint.power_w > 0)


class UnitPort:
    """The driver of one unit: it measures and takes setpoints.

    Args:
        rated_w: of its nameplate.
    """

    def __init__(self, name: str, unit: Unit, event: IslandEvent, rated_w: int) -> None:
        self._name, self._unit, self._event, self._rated_w = name, unit, event, rated_w
        self._until: datetime | None = None
        self._silent = False

    @property
    def name(self) -> str:
        """The unit's name."""
        return self._name

    def silence(self, lost: bool) -> None:
        """Lose its link, or get it back."""
        self._silent = lost

    async def open(self, now: datetime) -> Nameplate:  # noqa: ARG002 - as all ports
        """What it is."""
        return Nameplate(self._unit.kind, "ILES", "island unit", self._name, self._rated_w, self._rated_w)

    async def close(self) -> None:
        """Nothing to let go of."""

    async def measure(self, now: datetime) -> tuple[Reading, ...]:
        """What it shows now."""
        self._answers()
        return tuple(
            Reading(self._name, kind, value or 0.0, now, Quality.ABSENT if value is None else Quality.GOOD)
            for kind, value in self._unit.shows(self._event).items()
        )

    async def command(self, setpoint: Setpoint, valid_until: datetime, now: datetime) -> None:  # noqa: ARG002 - as all ports
        """Do it until then."""
        self._answers()
        self._until = valid_until
        self._unit.does(self._event, setpoint)

    async def release(self, now: datetime) -> None:  # noqa: ARG002 - as all ports
        """Its own rule."""
        self._answers()
        self._until = None
        self._unit.does(self._event, None)

    def expire(self, now: datetime) -> None:
        """Drop a setpoint whose time is over."""
        if self._until is not None and self._until <= now:
            self._until = None
            self._unit.does(self._event, None)

    def _answers(self) -> None:
        if self._silent:
            raise DeviceFault(f"{self._name}: does not answer; expected a reading")


class IslandUnitsWorld:
    """The units of one island, and its clock.

    Args:
        event: the outage.
        units: by name, with the rating of each.
    """

    def __init__(self, event: IslandEvent, units: dict[str, tuple[Unit, int]]) -> None:
        self.event = event
        self.unit_ports = {name: UnitPort(name, unit, event, rated_w) for name, (unit, rated_w) in units.items()}

    async def advance(self, to: datetime) -> None:
        """Move the island on."""
        self.event.run_to(to)
        for port in self.unit_ports.values():
            port.expire(to)
