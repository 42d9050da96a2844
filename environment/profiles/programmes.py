"""When appliances are made ready, and what they draw when nobody moves their programmes."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import numpy as np

from cim.model.arrays import Floats
from cim.model.intervals import local_day_of
from environment.profiles.library import QUARTER, QUARTER_S


@dataclass(frozen=True, slots=True)
class ProgrammeSteps:
    """What an appliance draws from its start to its end: (seconds, watts), one step after the other."""

    steps: tuple[tuple[float, float], ...]
    interruptible: bool = False

    @property
    def duration_s(self) -> float:
        """How long it takes."""
        return sum(seconds for seconds, _ in self.steps)

    @property
    def peak_w(self) -> float:
        """The most it draws."""
        return max(watts for _, watts in self.steps)

    def at(self, done_s: float) -> tuple[float, float]:
        """The power when `done_s` of it are over, and how far its step goes; nothing for ever after the last."""
        end_s = 0.0
        for seconds, watts in self.steps:
            end_s += seconds
            if done_s < end_s:
                return watts, end_s
        return 0.0, float("inf")


@dataclass(frozen=True, slots=True)
class ApplianceUse:
    """Somebody makes an appliance ready, POSIX seconds."""

    ready_s: float
    latest_end_s: float


def daily_uses(
    first: datetime, count: int, timezone: str, ready_hour: float, latest_end_hour: float
) -> tuple[ApplianceUse, ...]:
    """One use a local day, as far as it lies within `count` quarter-hours from `first`."""
    last, uses, day = first + count * QUARTER, list[ApplianceUse](), local_day_of(first, timezone)
    while day.start < last:
        until = day if latest_end_hour > ready_hour else day.next()
        ready, end = day.at(int(ready_hour)), until.at(int(latest_end_hour))
        if ready >= first and end <= last:
            uses.append(ApplianceUse(ready.timestamp(), end.timestamp()))
        day = day.next()
    return tuple(uses)


def unmoved(uses: tuple[ApplianceUse, ...], programme: ProgrammeSteps, first: datetime, count: int) -> Floats:
    """Mean watts of each quarter-hour from `first` on, each programme beginning at its latest start."""
    watts = np.zeros(count)
    for use in uses:
        at_s = use.latest_end_s - programme.duration_s - first.timestamp()
        for seconds, power in programme.steps:
            _spread(watts, at_s, at_s + seconds, power)
            at_s += seconds
    return watts


def _spread(watts: Floats, from_s: float, to_s: float, power: float) -> None:
    """Add what `power` from `from_s` to `to_s` means for the quarter-hours that it touches."""
    for quarter in range(int(from_s // QUARTER_S), int(-(-to_s // QUARTER_S))):
        inside_s = min(to_s, (quarter + 1) * QUARTER_S) - max(from_s, quarter * QUARTER_S)
        watts[quarter] += power * inside_s / QUARTER_S
