"""How warm the days before the first one were: what a home's load has answered to."""

from __future__ import annotations

import numpy as np

from agents.planning.forecast.like_day import fit
from cim.model.arrays import Floats
from cim.model.intervals import LocalDay

SLOTS = 96  # rows by time of day, as profiles' history has them


def past_temperatures_c(climate: str, before: LocalDay, days: int) -> tuple[Floats, ...]:
    """Of so many days until the one before `before`, oldest first: 96 values each; NaN of a day that the pack does not have.

    Args:
        climate: name of the weather pack.

    Raises:
        BadInput: there is no such pack.
    """
    from environment.weather.pack import load_weather

    weather = load_weather(climate)
    starts_s, found = weather.starts_s, []
    for back in range(days, 0, -1):
        day = before.next(-back)
        first, end = np.searchsorted(starts_s, (day.start.timestamp(), day.end.timestamp()))
        told = weather.temperature_c[first:end]
        found.append(
            fit(told, SLOTS) if len(told) * 900 == (day.end - day.start).total_seconds() else np.full(SLOTS, np.nan)
        )
    return tuple(found)
