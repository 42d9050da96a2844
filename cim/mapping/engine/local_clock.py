"""Local times to UTC, a block at a time: October's doubled hour goes by the order of the rows, March's missing hour is refused."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import NamedTuple
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt

from cim.mapping.engine.time_texts import shown

Micros = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]
Said = npt.NDArray[np.int8]
_S = 1_000_000
FIRST, SECOND = 1, 2  # the pass of a doubled hour: before and after the clock is put back


@dataclass(frozen=True, slots=True)
class Zone:
    """A zone's changes of offset between 1970 and 2200: at UTC `at_us[k]` from `offset_us[k]` to `offset_us[k + 1]`."""

    at_us: Micros
    offset_us: Micros


@lru_cache(maxsize=32)
def zone_of(name: str, first_year: int, last_year: int) -> Zone:
    """The changes of an IANA zone in some years, found by looking at it day by day and then by halving."""
    zone = ZoneInfo(name)
    day = datetime(max(first_year - 1, 1970), 1, 2, tzinfo=UTC)
    last = datetime(min(last_year + 1, 2200), 12, 30, tzinfo=UTC)
    offsets, ats = [_offset(zone, day)], []
    while day < last:
        after = day + timedelta(days=1)
        if _offset(zone, after) != offsets[-1]:
            low, high = day, after
            while high - low > timedelta(seconds=1):
                middle = low + timedelta(seconds=(high - low) // timedelta(seconds=2))
                low, high = (middle, high) if _offset(zone, middle) == offsets[-1] else (low, middle)
            ats.append(int(high.timestamp()) * _S)
            offsets.append(_offset(zone, after))
        day = after
    return Zone(np.array(ats, dtype=np.int64), np.array(offsets, dtype=np.int64))


def _offset(zone: ZoneInfo, at: datetime) -> int:
    offset = at.astimezone(zone).utcoffset()
    return 0 if offset is None else offset // timedelta(microseconds=1)


@dataclass(slots=True)
class Passes:
    """What of doubled hours was seen so far in one file or stream, and between which instants its values must lie."""

    seen: dict[tuple[str, int], int] = field(default_factory=dict)
    not_before_us: int | None = None
    not_after_us: int | None = None


@dataclass(frozen=True, slots=True)
class Resolved:
    """Instants of a block.

    Attributes:
        utc_us: [N]; 0 where there is none.
        passes: [N] 1 or 2 in a doubled hour, else 0.
        wrong: `{row: reason}`.
    """

    utc_us: Micros
    passes: Said
    wrong: dict[int, str]


class Series(NamedTuple):
    """Which rows follow each other: [N] a number for each row, and a row's name that holds in the next block too."""

    codes: Micros
    name: Callable[[int], str]


def to_utc(local_us: Micros, zone_name: str, series: Series, state: Passes, said: Said, alive: Flags) -> Resolved:
    """UTC of local times in the order of the file.

    In the hour that is there twice a series' first row is before the change and its second after it; where a series runs
    backwards (newest first), the other way round. A pass that is said, or that alone lies within the state's bounds, goes
    before the order.

    Args:
        local_us: [N] of the zone's clock.
        said: [N] the pass, 1 or 2, where the source or the quarantine says it, else 0.
        alive: [N] rows that have a time at all.
    """
    passes: Said = np.zeros(len(local_us), dtype=np.int8)
    if zone_name == "UTC" or not alive.any():
        return Resolved(local_us.copy(), passes, {})
    years = local_us[alive].astype("datetime64[us]").astype("datetime64[Y]").astype(int) + 1970
    zone = zone_of(zone_name, int(years.min()), int(years.max()))
    before, after = zone.offset_us[:-1], zone.offset_us[1:]
    segment = np.searchsorted(zone.at_us + np.maximum(before, after), local_us, side="right")
    utc = local_us - zone.offset_us[segment]
    if not len(zone.at_us):
        return Resolved(utc, passes, {})
    coming = np.minimum(segment, len(zone.at_us) - 1)
    inside = (segment < len(zone.at_us)) & (local_us >= (zone.at_us + np.minimum(before, after))[coming]) & alive
    back = (before > after)[coming]
    wrong = {
        row: f"local time {shown(int(local_us[row]))} does not exist in {zone_name}: the clock is put forward over it"
        for row in np.flatnonzero(inside & ~back).tolist()
    }
    doubled = np.flatnonzero(inside & back).tolist()
    backwards = _backwards(doubled, series.codes, local_us, alive)
    for row in doubled:
        at, change = int(local_us[row]), int((before - after)[coming[row]])
        turned = int(series.codes[row]) in backwards
        chosen = (
            int(said[row])
            or _only_possible(int(utc[row]), change, state)
            or _by_order(series.name(row), at, turned, state)
        )
        if not chosen:
            wrong[row] = f"local time {shown(at)} stands there a third time; the clock of {zone_name} shows it twice"
            continue
        passes[row] = chosen
        utc[row] += change if chosen == SECOND else 0
    return Resolved(utc, passes, wrong)


def _only_possible(first_us: int, change: int, state: Passes) -> int:
    """The one pass within the state's bounds, or 0."""
    fits = [
        number
        for number, at in ((FIRST, first_us), (SECOND, first_us + change))
        if (state.not_before_us is None or at >= state.not_before_us)
        and (state.not_after_us is None or at <= state.not_after_us)
    ]
    return fits[0] if len(fits) == 1 else 0


def _by_order(series: str, local_us: int, backwards: bool, state: Passes) -> int:
    count = state.seen[series, local_us] = state.seen.get((series, local_us), 0) + 1
    return 0 if count > 2 else 3 - count if backwards else count


def _backwards(doubled: list[int], codes: Micros, local_us: Micros, alive: Flags) -> set[int]:
    """Those of the doubled rows' series whose last time in the block is before their first."""
    found = set()
    for code in set(codes[doubled].tolist()):
        times = local_us[(codes == code) & alive]
        if times[-1] < times[0]:
            found.add(code)
    return found


def local_days(local_midnight_us: Micros, zone_name: str, alive: Flags) -> tuple[Micros, Micros]:
    """UTC of local days' begins [N], and how many hours each day has [N]: 23, 24 or 25."""
    none = Series(np.zeros(len(local_midnight_us), dtype=np.int64), lambda _: "")
    first: Said = np.full(len(local_midnight_us), FIRST, dtype=np.int8)
    begin = to_utc(local_midnight_us, zone_name, none, Passes(), first, alive).utc_us
    end = to_utc(local_midnight_us + 86_400 * _S, zone_name, none, Passes(), first, alive).utc_us
    return begin, (end - begin) // (3600 * _S)
