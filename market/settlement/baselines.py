"""Baselines: what would have been consumed without the activation (USEF baseline methods); pure numpy, watts.

Known weaknesses: the highest X of Y days are biased upward; charging just before the window games meter-before.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import date
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt

from cim.model.errors import BadInput
from cim.model.intervals import LocalDay
from market.uftp.prognosis import DPrognosis

Watts = npt.NDArray[np.int64]
SUNDAYS = 7  # and holidays: days of one kind
CAP = 0.20  # how far the same-day adjustment goes


def d_prognosis_baseline(prognoses: Sequence[DPrognosis]) -> Watts:
    """The D-Prognosis of the highest revision, one value for each ISP: the baseline both sides have agreed beforehand.

    Raises:
        BadInput: there is none, or they are of different days or congestion points.
    """
    if len({(prognosis.period, prognosis.congestion_point) for prognosis in prognoses}) != 1:
        raise BadInput(f"prognoses: {len(prognoses)} of them; expected some, all of one day and congestion point")
    return np.array(max(prognoses, key=lambda prognosis: prognosis.revision).power_w, dtype=np.int64)


def like_days(
    day: LocalDay, known: Collection[date], events: Collection[date], holidays: Collection[date], count: int = 10
) -> tuple[date, ...]:
    """The `count` last days before `day` of its type (Monday to Friday, Saturday, Sunday), newest first.

    Event days and holidays are left out, unless `day` is a holiday itself: then Sundays and holidays are alike.
    """

    wanted, left_out = day_kind(day.day, holidays), set(events)
    if wanted != SUNDAYS:
        left_out |= set(holidays)
    before = [of for of in sorted(known, reverse=True) if of < day.day and of not in left_out]
    return tuple(of for of in before if day_kind(of, holidays) == wanted)[:count]


def day_kind(day: date, holidays: Collection[date]) -> int:
    """Days of one number are alike: 5 Monday to Friday, 6 Saturday, 7 Sunday and holidays."""
    return SUNDAYS if day in holidays else max(5, day.isoweekday())


def x_of_y_baseline(
    day: LocalDay,
    history: Mapping[date, npt.ArrayLike],
    *,
    events: Collection[date] = (),
    holidays: Collection[date] = (),
    x: int = 10,
    y: int = 10,
    same_day: npt.ArrayLike | None = None,
    event_isp: int | None = None,
    adjust_isps: int = 8,
) -> Watts:
    """The mean of the `x` highest of the last `y` like days, ISP by ISP, with a same-day adjustment.

    Args:
        day: the day to be settled.
        history: metered power of earlier local days, watts, one value for each of their ISPs.
        events: days with an activation.
        holidays: public holidays.
        x, y: how many days of how many.
        same_day: metered power of `day`; needed for the adjustment only, values from the event on are not looked at.
        event_isp: ISP (from 1) in which the activation begins; without it nothing is adjusted.
        adjust_isps: how many ISPs before the event the adjustment looks at.

    Returns:
        Watts per ISP, rounded half to even.

    Raises:
        BadInput: fewer than `y` like days, or a day with the wrong number of values.
    """
    if not 1 <= x <= y:
        raise BadInput(f"x: {x} of {y} days; expected 1 <= x <= y")
    days = like_days(day, history.keys(), events, holidays, y)
    if len(days) < y:
        raise BadInput(f"history: {len(days)} like days before {day.day}; expected {y}")
    rows = np.array([_aligned(history[of], LocalDay(of, day.timezone, day.isp_minutes), day) for of in days])
    highest = np.argsort(-rows.sum(axis=1), kind="stable")[:x]
    mean = rows[highest].mean(axis=0)
    if event_isp is not None and same_day is not None:
        mean = mean * same_day_factor(mean, np.asarray(same_day, dtype=np.float64), event_isp, adjust_isps)
    return _watts(mean)


def meter_before_baseline(actual: npt.ArrayLike, first_isp: int, count: int, before_isps: int = 1) -> Watts:
    """Meter-before-meter-after: what the meter showed just before the activation, held for its `count` ISPs.

    Args:
        actual: metered power of the day, watts.
        first_isp: ISP (from 1) in which the activation begins; `before_isps` ISPs must lie before it.
        count: ISPs of the activation.
        before_isps: how many ISPs before are averaged.
    """
    values = np.asarray(actual, dtype=np.float64)
    if not 1 <= before_isps < first_isp or count < 1 or first_isp + count - 1 > len(values):
        span = f"{first_isp}..{first_isp + count - 1}"
        raise BadInput(f"activation: ISPs {span} with {before_isps} before them do not lie within 1..{len(values)}")
    level = values[first_isp - 1 - before_isps : first_isp - 1].mean()
    return _watts(np.full(count, level))


def _watts(values: npt.NDArray[np.float64]) -> Watts:
    whole: Watts = np.rint(values).astype(np.int64)
    return whole


def same_day_factor(
    mean: npt.NDArray[np.float64], same_day: npt.NDArray[np.float64], event_isp: int, isps: int
) -> float:
    """What a baseline (watts by ISP) is multiplied with so that it fits what was metered in the `isps` before the event.

    By 20 % at most; 1 where nothing was expected then.

    Raises:
        BadInput: there are fewer ISPs before the event.
    """
    first = event_isp - 1 - isps
    if first < 0 or event_isp - 1 > min(len(mean), len(same_day)):
        raise BadInput(f"event_isp: {event_isp} leaves no {isps} ISPs before the event to adjust by")
    expected = float(mean[first : event_isp - 1].mean())
    measured = float(same_day[first : event_isp - 1].mean())
    # Where nothing was expected a factor says nothing about the rest of the day.
    return 1.0 if expected == 0 else float(np.clip(measured / expected, 1 - CAP, 1 + CAP))


def _aligned(values: npt.ArrayLike, of: LocalDay, to: LocalDay) -> npt.NDArray[np.float64]:
    """The values of day `of` at the wall-clock times of day `to`, which may have an hour more or less.

    Of an hour that came twice the first is taken; an hour that `of` did not have takes the value before it.
    """
    row = np.asarray(values, dtype=np.float64)
    if row.shape != (of.count,):
        raise BadInput(f"history: {of.day} has {row.size} values; expected {of.count}")
    if of.count == to.count == 24 * 60 // to.isp_minutes:
        return row
    clock: dict[tuple[int, int], float] = {}
    for number, value in enumerate(row, 1):
        clock.setdefault(_wall(of, number), float(value))
    found: list[float] = []
    for number in range(1, to.count + 1):
        found.append(clock.get(_wall(to, number), found[-1] if found else float(row[0])))
    return np.array(found)


def _wall(day: LocalDay, number: int) -> tuple[int, int]:
    local = day.isp_start(number).astimezone(ZoneInfo(day.timezone))
    return local.hour, local.minute
