"""What all physical units have in common: a power that is constant between events, and energy counters.

Inside physics an instant is POSIX seconds (`now_s`), so that events may fall between whole seconds. A unit says when
its power may next change by itself (`until`), and nobody steps it beyond; so energy is a plain product, exact however
the time is cut into steps.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from cim.model.errors import BadInput

QUARTER_S = 900.0
SECONDS_PER_HOUR = 3600.0
RESOLUTION_S = 1e-3  # two events closer than this are one: a store that is full within a millisecond is full


class UnitKind(StrEnum):
    """What a unit counts as in a balance by kind."""

    LOAD = "load"
    PV = "pv"
    WIND = "wind"
    BATTERY = "battery"
    EV = "ev"
    HEAT_PUMP = "heat_pump"
    CHP = "chp"
    APPLIANCE = "appliance"


@dataclass(frozen=True, eq=False, slots=True)
class Series:
    """A quarter-hour profile: `values[k]` holds from `first_s + 900 k` for 900 seconds."""

    values: NDArray[np.float64]
    first_s: float

    def at(self, now_s: float) -> float:
        """The value that holds at `now_s`; the last one still holds at the very end.

        Raises:
            BadInput: the instant lies outside the profile.
        """
        index = int((now_s - self.first_s) // QUARTER_S)
        if index == self.values.size and now_s == self.first_s + index * QUARTER_S:
            index -= 1
        if not 0 <= index < self.values.size:
            raise BadInput(f"instant: {now_s:.0f} s is outside the profile; expected {self.first_s:.0f} s or later")
        return float(self.values[index])


def next_multiple(now_s: float, grid_s: float) -> float:
    """The first multiple of `grid_s` after `now_s`."""
    return (math.floor(now_s / grid_s) + 1) * grid_s


class PhysicalUnit:
    """A physical unit with one power, positive towards it.

    Attributes:
        name: its name in the site.
        power_w, reactive_var: what flows now.
        import_wh, export_wh: counters, never falling.
    """

    kind: UnitKind

    def __init__(self, name: str, now_s: float) -> None:
        self.name = name
        self.now_s = now_s
        self.power_w = 0.0
        self.reactive_var = 0.0
        self.import_wh = 0.0
        self.export_wh = 0.0

    def settle(self, now_s: float) -> None:
        """Decide the power that flows from `now_s` on."""
        raise NotImplementedError

    def until(self, now_s: float) -> float:  # noqa: ARG002 - most units change only with their profile
        """The instant at which the power may change by itself; profile boundaries are the caller's to respect."""
        return math.inf

    def step(self, seconds: float, now_s: float) -> None:
        """Let `seconds` pass from `now_s` at the power that `settle` decided."""
        energy_wh = self.power_w * seconds / SECONDS_PER_HOUR
        if energy_wh >= 0:
            self.import_wh += energy_wh
        else:
            self.export_wh -= energy_wh
        self._store(energy_wh, seconds)
        self.now_s = now_s + seconds

    def _store(self, energy_wh: float, seconds: float) -> None:
        """What `energy_wh` did inside the unit during `seconds`."""
