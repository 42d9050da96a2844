"""What the station simulator needs of the physics behind it."""

from __future__ import annotations

from datetime import datetime
from typing import Protocol, runtime_checkable


class Session(Protocol):
    """A vehicle that is plugged in."""

    @property
    def plugged_at(self) -> datetime:
        """When it was plugged in, UTC."""
        ...

    @property
    def departure(self) -> datetime:
        """When it means to leave, UTC."""
        ...

    @property
    def energy_wh(self) -> float:
        """What it asks for, Wh."""
        ...

    @property
    def delivered_wh(self) -> float:
        """What it has got, Wh."""
        ...


class ChargePoint(Protocol):
    """One EVSE and the vehicle at it."""

    limit_w: float | None  # set by the station: the largest power that may be drawn now, None for no limit

    @property
    def max_power_w(self) -> float:
        """Rated power, W."""
        ...

    @property
    def session(self) -> Session | None:
        """The vehicle that is plugged in now."""
        ...

    @property
    def power_w(self) -> float:
        """What is drawn, W, >= 0."""
        ...

    @property
    def energy_import_wh(self) -> float:
        """The meter's register, Wh."""
        ...


class Supply(Protocol):
    """What the EVSEs of one station draw from together: it shares out what there is."""

    limit_w: float | None  # set by the station: the most that all together may draw now, None for no limit of the CSMS


@runtime_checkable
class AtLeast(ChargePoint, Protocol):
    """One whose vehicles charge with nothing, or with at least some power."""

    @property
    def min_power_w(self) -> float:
        """That power, W; 0: they take any."""
        ...


@runtime_checkable
class BothWays(ChargePoint, Protocol):
    """One at which a vehicle may give energy back (V2G)."""

    setpoint_w: float | None  # set by the station: the power that is asked for now, below 0 to give; None: none is

    @property
    def discharge_w(self) -> float:
        """The most that vehicles give back, W; 0: none can."""
        ...

    @property
    def energy_export_wh(self) -> float:
        """The register of what was given back, Wh."""
        ...
