"""Devices that are on or off: programmes that run once, and vehicles that charge at 0 or at least at a least power.

    min_p  curvature/2 p . p + pull . p     over the device's own, not convex, set

Both are answered exactly: a programme by trying every start; a vehicle by trying every number of intervals in which it
charges, since for any powers the cheapest intervals are best, and those then share the energy like water above a floor.
A least power is what IEC 61851-1 prescribes: a control pilot cannot ask for less than 6 A, only for nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from cim.model.arrays import Floats
from cim.model.errors import BadInput

_TINY = 1e-9


class OnOff(Protocol):
    """A device that cannot move by degrees only."""

    @property
    def member(self) -> int:
        """Whose it is: an index into the members."""
        ...

    def answer(self, pull_ct_per_kw: Floats, stiffness: float) -> Floats:
        """[T] the best power at a price, where `stiffness`, ct/kW^2, is added to its own curvature."""
        ...

    def choices(self, pull_ct_per_kw: Floats, stiffness: float) -> Floats:
        """[m, T] powers that are worth a closer look at about this price."""
        ...

    def cost_ct(self, power_kw: Floats) -> float:
        """What a power [T] costs its owner."""
        ...

    def able(self, power_kw: Floats) -> bool:
        """Whether it can do a power [T] as it stands."""
        ...


@dataclass(frozen=True, slots=True)
class RunOnce:
    """A programme that draws `run_kw`, interval by interval, once begun; it begins at one of the intervals first .. last.

    Raises:
        BadInput: it cannot end within the `length` intervals.
    """

    member: int
    run_kw: Floats
    first: int
    last: int
    length: int

    def __post_init__(self) -> None:
        if not 0 <= self.first <= self.last <= self.length - len(self.run_kw):
            raise BadInput(
                f"programme of member {self.member}: begins from {self.first} to {self.last} and runs {len(self.run_kw)} "
                f"intervals; expected it within 0 to {self.length}"
            )

    def choices(self, pull_ct_per_kw: Floats, stiffness: float) -> Floats:
        """[starts, T] every start there is."""
        starts = np.arange(self.first, self.last + 1)
        found = np.zeros((len(starts), self.length))
        for row, start in zip(found, starts.tolist(), strict=True):
            row[start : start + len(self.run_kw)] = self.run_kw
        return found

    def answer(self, pull_ct_per_kw: Floats, stiffness: float) -> Floats:
        """[T] the cheapest start, of equal ones the first; its square is the same at any start."""
        every = self.choices(pull_ct_per_kw, stiffness)
        best: Floats = every[int(np.argmin(every @ pull_ct_per_kw))]
        return best

    def cost_ct(self, power_kw: Floats) -> float:
        """Nothing: its owner said when it may begin."""
        return 0.0

    def able(self, power_kw: Floats) -> bool:
        """Whether it is one of the starts."""
        return bool((np.abs(self.choices(power_kw, 0.0) - power_kw).max(axis=1) <= _TINY).any())


@dataclass(frozen=True, slots=True)
class LeastPowerVehicle:
    """A vehicle that charges at 0 or at `least_kw` to `most_kw` in the intervals arrival .. departure - 1.

    What it cannot be charged in that time is left out, and what is less than its least power for one interval is made that.

    Attributes:
        curvature: ct/kW^2 per interval; > 0.
        energy_kwh: what it needs.
        hours: length of an interval.
        length: number of intervals T.
    """

    member: int
    curvature: float
    arrival: int
    departure: int
    least_kw: float
    most_kw: float
    energy_kwh: float
    hours: float
    length: int

    def __post_init__(self) -> None:
        if not 0 <= self.arrival <= self.departure <= self.length:
            raise BadInput(
                f"vehicle of member {self.member}: there from interval {self.arrival} to {self.departure}; "
                f"expected 0 <= arrival <= departure <= {self.length}"
            )
        if not (0 <= self.least_kw <= self.most_kw and self.curvature > 0):
            raise BadInput(
                f"vehicle of member {self.member}: {self.least_kw} to {self.most_kw} kW, curvature {self.curvature}; "
                "expected 0 <= least <= most and a curvature above 0"
            )

    @property
    def charged(self) -> float:
        """What it is charged, kW-intervals."""
        need = self.energy_kwh / self.hours
        window = self.departure - self.arrival
        if need <= 0 or window == 0 or self.most_kw == 0:
            return 0.0
        need = min(max(need, self.least_kw), self.most_kw * window)
        # Between what n intervals give at most and n + 1 at least there may be nothing: the most of n then.
        n = int(np.floor(need / self.most_kw + _TINY))
        return n * self.most_kw if n and need < (n + 1) * self.least_kw and need > n * self.most_kw else need

    @property
    def unserved_kwh(self) -> float:
        """What it needs beyond what it is charged."""
        return max(self.energy_kwh - self.charged * self.hours, 0.0)

    def choices(self, pull_ct_per_kw: Floats, stiffness: float) -> Floats:
        """[m, T] the best powers for each number of intervals in which it may charge."""
        need = self.charged
        if need <= 0:
            return np.zeros((1, self.length))
        curvature = self.curvature + stiffness
        there = np.arange(self.arrival, self.departure)
        order = there[np.argsort(pull_ct_per_kw[there], kind="stable")]
        fewest = max(int(np.ceil(need / self.most_kw - _TINY)), 1)
        most = len(there) if self.least_kw == 0 else min(len(there), int(np.floor(need / self.least_kw + _TINY)))
        found = np.zeros((most - fewest + 1, self.length))
        for row, count in zip(found, range(fewest, most + 1), strict=True):
            on = order[:count]
            row[on] = _filled(pull_ct_per_kw[on], curvature, self.least_kw, self.most_kw, need)
        return found

    def answer(self, pull_ct_per_kw: Floats, stiffness: float) -> Floats:
        """[T] the best power at a price."""
        every = self.choices(pull_ct_per_kw, stiffness)
        worth = every @ pull_ct_per_kw + (self.curvature + stiffness) / 2 * (every * every).sum(axis=1)
        best: Floats = every[int(np.argmin(worth))]
        return best

    def cost_ct(self, power_kw: Floats) -> float:
        """What a power costs its owner."""
        return self.curvature / 2 * float(power_kw @ power_kw)

    def able(self, power_kw: Floats) -> bool:
        """Whether it keeps to its window, to its least and most power, and to its energy."""
        on = power_kw[np.abs(power_kw) > _TINY]
        away = np.delete(power_kw, np.arange(self.arrival, self.departure))
        within = bool(((on >= self.least_kw - 1e-6) & (on <= self.most_kw + 1e-6)).all()) and not away.any()
        return within and abs(float(power_kw.sum()) - self.charged) <= 1e-6 * max(self.charged, 1.0)


def _filled(pull: Floats, curvature: float, least: float, most: float, need: float) -> Floats:
    """[n] powers of least to most that sum to `need`, at least cost: one level of pull + curvature p where no bound is met."""
    edges = np.sort(np.concatenate([pull + curvature * least, pull + curvature * most]))

    def powers(level: Floats) -> Floats:
        return np.clip((level[:, None] - pull) / curvature, least, most)

    sums = powers(edges).sum(axis=1)
    k = int(np.clip(np.searchsorted(sums, need), 1, len(edges) - 1))
    rise = sums[k] - sums[k - 1]
    share = (need - sums[k - 1]) / rise if rise > 0 else 0.0
    level = edges[k - 1] + min(max(share, 0.0), 1.0) * (edges[k] - edges[k - 1])
    found: Floats = powers(np.array([level]))[0]
    return found
