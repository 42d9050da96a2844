"""What the gateway simulator needs of the physics behind it."""

from __future__ import annotations

from datetime import datetime
from typing import Protocol


class HeatPumpRoom(Protocol):
    """A heat pump and the room it heats."""

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
    def power_w(self) -> float:
        """Electric power, W, >= 0."""
        ...

    @property
    def max_power_w(self) -> float:
        """Rated electric power, W."""
        ...

    @property
    def fill_rate_per_w(self) -> float:
        """How fast a watt of electric power warms the room, K/s per W."""
        ...

    @property
    def energy_import_wh(self) -> float:
        """The meter's register, Wh."""
        ...

    def usage_forecast(self, now: datetime) -> tuple[datetime, int, tuple[float, ...]]:
        """(start, step in seconds, cooling of the room in K/s for each step)."""
        ...
