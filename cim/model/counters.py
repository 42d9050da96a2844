"""What readings of energy counters tell, one after the other, and which of them tell nothing. Pure; watt-hours.

A counter that falls, jumps further than its rating explains, or restarts is not counted. One reading that does not fit is
doubted; the next one says what it was: either it fits the last good one (the doubted reading was none), or it fits the
doubted one (the counter restarted, or another meter stands there: counting goes on from its new value, and what was taken
in between is unknown). A counter that passes the end of its register goes on.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

_HOUR = timedelta(hours=1)
_OVERLOAD = 1.2  # assumed: no plant, station or connection carries more of its rating for minutes
_SLACK_WH = 100.0  # a register may count in steps as large as this
_ROUNDING_WH = 1.0  # a register that goes over to a coarser scale factor may show this much less
_WRAPS_WH = tuple(2.0**32 * 10.0**scale for scale in range(-3, 4))  # a 32-bit accumulator in any SunSpec scale factor


@dataclass(frozen=True, slots=True)
class CounterReading:
    """Both counters of a meter or device at an instant, watt-hours; None where it has no such counter."""

    at: datetime
    taken_wh: float | None
    given_wh: float | None

    @property
    def net_wh(self) -> float:
        """What was taken less what was given."""
        return (self.taken_wh or 0.0) - (self.given_wh or 0.0)


@dataclass(frozen=True, slots=True)
class CounterTrack:
    """Where counting stands: the last reading that fitted, and the one after it that did not."""

    good: CounterReading | None = None
    doubted: CounterReading | None = None


@dataclass(frozen=True, slots=True)
class Counted:
    """Energy between two instants: `energy_wh` net, `moved_wh` both ways added."""

    start: datetime
    end: datetime
    energy_wh: float
    moved_wh: float


@dataclass(frozen=True, slots=True)
class CounterStep:
    """What a reading brought: where counting stands now, what is counted, and why the reading was not taken."""

    track: CounterTrack
    counted: tuple[Counted, ...] = ()
    fault: str | None = None


def most_wh(rated_w: float, span: timedelta) -> float:
    """The most a counter can move in a span behind this rating; without a rating (0) nothing is too much."""
    return rated_w * _OVERLOAD * (span / _HOUR) + _SLACK_WH if rated_w else math.inf


def follow(track: CounterTrack, reading: CounterReading, rated_w: float, power_w: float | None = None) -> CounterStep:
    """Count on with a reading.

    Args:
        rated_w: what the connection or device can carry, a magnitude; 0 where nobody knows.
        power_w: the power at this reading, if known: where a doubted reading lies between, it says how much of the energy
            fell behind it.
    """
    good, doubted = track.good, track.doubted
    if good is None:
        return CounterStep(CounterTrack(reading))
    if reading.at <= good.at or (doubted is not None and reading.at <= doubted.at):
        return CounterStep(track)
    counted, fault = _between(good, reading, rated_w)
    if counted is not None:
        parts = (counted,) if doubted is None else _split(counted, doubted.at, power_w)
        return CounterStep(CounterTrack(reading), parts)
    if doubted is None:
        return CounterStep(replace(track, doubted=reading), fault=fault)
    again, _ = _between(doubted, reading, rated_w)
    if again is None:
        return CounterStep(replace(track, doubted=reading), fault=fault)
    if not again.moved_wh and not _says_something(doubted):
        return CounterStep(track, fault=fault)  # a device that says 0 again and again may mean "unknown"
    return CounterStep(CounterTrack(reading), (again,))


def _says_something(reading: CounterReading) -> bool:
    return bool(reading.taken_wh or reading.given_wh)


def _between(before: CounterReading, after: CounterReading, rated_w: float) -> tuple[Counted | None, str | None]:
    """What was counted between two readings; or None, and why they do not fit."""
    most = most_wh(rated_w, after.at - before.at)
    moved: list[float] = []
    for old, new in ((before.taken_wh, after.taken_wh), (before.given_wh, after.given_wh)):
        if old is None or new is None:
            moved.append(0.0)
            continue
        change = _forward(old, new, most)
        if change < 0:
            return None, f"its counter falls from {old:.0f} to {new:.0f} Wh"
        if change > most:
            minutes = (after.at - before.at) / timedelta(minutes=1)
            return None, f"its counter jumps from {old:.0f} to {new:.0f} Wh in {minutes:.0f} min; at most {most:.0f} Wh"
        moved.append(change)
    taken, given = moved
    return Counted(before.at, after.at, taken - given, taken + given), None


def _forward(old: float, new: float, most: float) -> float:
    """How far a counter moved; a fall that the end of its register explains is none."""
    if new >= old - _ROUNDING_WH:
        return max(new - old, 0.0)
    for wrap in _WRAPS_WH:
        if old <= wrap and 0 <= new + wrap - old <= min(most, wrap / 2):
            return new + wrap - old
    return new - old


def _split(counted: Counted, at: datetime, power_w: float | None) -> tuple[Counted, ...]:
    """An energy over a doubted reading: what the power at its end explains fell behind that reading, the rest before."""
    if power_w is None or not counted.start < at < counted.end:
        return (counted,)
    late = math.copysign(min(abs(power_w) * ((counted.end - at) / _HOUR), abs(counted.energy_wh)), counted.energy_wh)
    early = counted.energy_wh - late
    other = counted.moved_wh - abs(counted.energy_wh)  # what went the other way meanwhile
    return Counted(counted.start, at, early, abs(early) + other), Counted(at, counted.end, late, abs(late) + other)
