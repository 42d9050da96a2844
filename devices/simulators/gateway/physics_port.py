"""What the simulated resource managers need of the physics behind them."""

from __future__ import annotations

from datetime import datetime
from typing import Protocol


class Metered(Protocol):
    """A device with a meter."""

    @property
    def power_w(self) -> float:
        """Electric power, W, >= 0."""
        ...

    @property
    def energy_import_wh(self) -> float:
        """The meter's register, Wh."""
        ...


class HeatingRod(Protocol):
    """A second actuator of a room: on or off."""

    on: bool  # set by the gateway

    @property
    def rated_w(self) -> float:
        """What it draws when it is on, W; the room's meter counts it."""
        ...

    @property
    def fill_rate_per_w(self) -> float:
        """How fast a watt of it warms the room, K/s per W."""
        ...


class HeatPumpRoom(Metered, Protocol):
    """A heat pump and the room that it heats, or cools."""

    target_w: float | None  # set by the gateway: run at this electric power, None for the thermostat's own rule

    @property
    def temperature_c(self) -> float:
        """Room temperature, degrees Celsius."""
        ...

    @property
    def level_min_c(self) -> float:
        """Lowest room temperature that is comfortable."""
        ...

    @property
    def level_max_c(self) -> float:
        """Highest room temperature that is comfortable."""
        ...

    @property
    def guarded(self) -> bool:
        """True while the room, at the edge of its comfort, overrules the target."""
        ...

    @property
    def set_c(self) -> float:
        """The thermostat's set point."""
        ...

    @property
    def max_power_w(self) -> float:
        """Rated electric power, W."""
        ...

    @property
    def fill_rate_per_w(self) -> float:
        """How fast a watt of electric power warms the room, K/s per W; below 0 where it cools."""
        ...

    def usage_forecast(self, now: datetime) -> tuple[datetime, int, tuple[float, ...]]:
        """(start, step in seconds, cooling of the room in K/s for each step: below 0 where it warms by itself)."""
        ...


def wants_power(unit: HeatPumpRoom) -> bool:
    """Whether its thermostat would run: a room that is heated is below its set point, one that is cooled above."""
    return (unit.set_c - unit.temperature_c) * unit.fill_rate_per_w > 0


class ProgrammeUnit(Metered, Protocol):
    """An appliance with the programme that it was made ready for last."""

    waits: bool  # set by its resource manager: whether a programme that is ready waits for a start
    start_at: datetime | None  # set by its resource manager: the scheduled start of the programme that is ready
    paused: bool  # set by its resource manager: whether the programme that runs stands still

    @property
    def ready_at(self) -> datetime | None:
        """When the programme was made ready; None before the first one."""
        ...

    @property
    def latest_end(self) -> datetime:
        """When it has to be done."""
        ...

    @property
    def started(self) -> bool:
        """Whether it has begun."""
        ...

    @property
    def ended(self) -> bool:
        """Whether it is done."""
        ...

    @property
    def done_s(self) -> float:
        """How much of it has run."""
        ...

    @property
    def steps(self) -> tuple[tuple[float, float], ...]:
        """(seconds, watts), one after the other."""
        ...

    @property
    def interruptible(self) -> bool:
        """Whether it may be paused."""
        ...
