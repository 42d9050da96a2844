"""What a simulated SunSpec device needs to know of the physical unit behind it. All powers follow the one sign rule.

The attributes are those of `environment.physics`; a Protocol keeps the simulators free of it.
"""

from __future__ import annotations

from typing import Protocol


class Metered(Protocol):
    """Anything with a power and two counters; a meter needs no more."""

    @property
    def power_w(self) -> float:
        """Net power now, watts, + = consumption."""
        ...

    @property
    def import_wh(self) -> float:
        """Counter of energy taken, watt-hours."""
        ...

    @property
    def export_wh(self) -> float:
        """Counter of energy given, watt-hours."""
        ...


class MeteredReactive(Metered, Protocol):
    """What a meter is built into: it shows reactive power as well."""

    @property
    def reactive_var(self) -> float:
        """Net reactive power now, vars, + = inductive consumption."""
        ...


class Rated(Metered, Protocol):
    """A unit with a rated power."""

    @property
    def rated_w(self) -> float:
        """Rated AC power, watts, a magnitude."""
        ...


class LimitedUnit(Rated, Protocol):
    """A PV plant or a wind turbine. `limit_w` <= 0: power stays at or above it; None: no limit."""

    limit_w: float | None

    @property
    def available_w(self) -> float:
        """What it could generate now without a limit, <= 0."""
        ...


class SteeredUnit(Rated, Protocol):
    """What runs at the power `target_w` that it is asked for (+ = consumption, a CHP <= 0); None: its own rule."""

    target_w: float | None


class BatteryUnit(SteeredUnit, Protocol):
    """A battery; `rated_w` holds for charging and for discharging."""

    @property
    def capacity_wh(self) -> float:
        """Usable capacity, watt-hours."""
        ...

    @property
    def stored_wh(self) -> float:
        """Energy in it now, watt-hours."""
        ...
