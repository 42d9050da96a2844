"""Charging sessions out of a charging profile: when a vehicle comes, what it wants, when it leaves.

SimBench gives the charging power only. A run of quarter-hours with power is one session that wants the run's energy;
it begins within the run's first quarter-hour, as late as that quarter-hour's share of the rating says. When the
vehicle leaves is an ASSUMPTION: at the next given local hour, but never before the run would have ended, nor after the
next vehicle comes.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from environment.profiles.library import QUARTER_S


@dataclass(frozen=True, slots=True)
class Session:
    """One vehicle's stay; instants in POSIX seconds."""

    start_s: float
    departure_s: float
    energy_wh: float


def sessions_of(
    profile: NDArray[np.float64], first: datetime, rated_w: float, departure_hour: float, timezone: str
) -> tuple[Session, ...]:
    """The sessions of a charging profile, in the order of time, not overlapping.

    Args:
        profile: per unit of `rated_w`, one value for each quarter-hour from `first` (UTC) on.
        rated_w: the charge point's power.
        departure_hour: local hour at which vehicles leave, for example 7.5 for half past seven.
        timezone: IANA name of the local time.
    """
    charging = np.concatenate(([False], profile > 0, [False]))
    starts = np.flatnonzero(charging[1:] & ~charging[:-1])
    ends = np.flatnonzero(~charging[1:] & charging[:-1])
    origin = first.timestamp()
    sessions = []
    for number, (begin, end) in enumerate(zip(starts, ends, strict=True)):
        late = 1.0 - min(float(profile[begin]), 1.0) if end - begin > 1 else 0.0
        # Whole minutes, rounded towards the quarter-hour's start: a vehicle never comes too late for its energy.
        start_s = origin + float(begin) * QUARTER_S + late * QUARTER_S // 60 * 60
        end_s = origin + float(end) * QUARTER_S
        departure_s = max(_next_local(start_s, departure_hour, timezone), end_s)
        if number + 1 < starts.size:
            departure_s = min(departure_s, origin + float(starts[number + 1]) * QUARTER_S)
        energy_wh = float(profile[begin:end].sum()) * rated_w / 4
        sessions.append(Session(start_s, departure_s, energy_wh))
    return tuple(sessions)


def _next_local(after_s: float, hour: float, timezone: str) -> float:
    zone = ZoneInfo(timezone)
    local = datetime.fromtimestamp(after_s, UTC).astimezone(zone)
    leave = local.replace(hour=0, minute=0, second=0, microsecond=0, fold=0) + timedelta(hours=hour)
    if leave.timestamp() <= after_s:
        leave += timedelta(days=1)
    return leave.timestamp()


def uncontrolled(sessions: tuple[Session, ...], first: datetime, count: int, rated_w: float) -> NDArray[np.float64]:
    """Mean power of each quarter-hour, watts, shape (count,), when every vehicle charges at once at `rated_w`."""
    energy_wh = np.zeros(count, dtype=np.float64)
    origin = first.timestamp()
    for session in sessions:
        now_s = session.start_s - origin
        stop_s = min(now_s + session.energy_wh / rated_w * 3600, session.departure_s - origin, count * QUARTER_S)
        while now_s < stop_s:
            quarter = int(now_s // QUARTER_S)
            next_s = min((quarter + 1) * QUARTER_S, stop_s)
            energy_wh[quarter] += rated_w * (next_s - now_s) / 3600
            now_s = next_s
    return energy_wh * 4
