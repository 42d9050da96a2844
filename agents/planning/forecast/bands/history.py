"""What is known of a series when a day is forecast: its metered days, what the weather service told, and the calendar."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np

from agents.planning.forecast.bands.holidays import holidays
from cim.codec.codec import wire
from cim.model.arrays import Floats, Ints
from cim.model.errors import BadInput

SLOTS = 96  # quarter-hours by wall-clock time; see `environment.profiles.history` for days on which clocks change


@wire("plan.KnownDays")
@dataclass(frozen=True, slots=True)
class KnownDays:
    """A series as it travels: its days one by one.

    Attributes:
        first: the local day of the first one; each is the next day.
        days_w: [96] mean watts of each; NaN where nobody metered.
        told: [96] what the weather service told of each on the day before, per unit; NaN where it said nothing.
    """

    first: date
    days_w: tuple[Floats, ...]
    told: tuple[Floats, ...]
    country: str


@dataclass(frozen=True)
class SeriesHistory:
    """A series up to its last day, which is the one that is to be forecast.

    Attributes:
        first: the local day of row 0; each row is the next day.
        values: [days, 96] mean watts, + = consumption. What is not known yet may stand there: it is never looked at.
        weather: [days, 96] what the weather service told of each day when it was forecast, per unit; None: no service.
        country: ISO 3166 code, for public holidays.
    """

    first: date
    values: Floats
    weather: Floats | None
    country: str

    def __post_init__(self) -> None:
        if self.values.ndim != 2 or self.values.shape[1] != SLOTS:
            raise BadInput(f"values: shape {self.values.shape}; expected (days, {SLOTS})")
        if self.weather is not None and self.weather.shape != self.values.shape:
            raise BadInput(f"weather: shape {self.weather.shape}; expected that of the values, {self.values.shape}")

    @property
    def days(self) -> int:
        """How many days there are, the one to forecast included."""
        return len(self.values)


def calendar(first: date, days: int, country: str) -> Ints:
    """[days, 2] weekday (0 = Monday; 6 also on public holidays), 1 on public holidays.

    No day of the year: a model that has seen one season would take the last days it knows for all that follow.
    """
    dates = [date.fromordinal(first.toordinal() + k) for k in range(days)]
    free = _free(dates, country)
    rows = [(6 if day in free else day.weekday(), int(day in free)) for day in dates]
    return np.array(rows, dtype=np.int64).reshape(days, 2)


def _free(dates: Sequence[date], country: str) -> frozenset[date]:
    found: frozenset[date] = frozenset()
    for year in {day.year for day in dates}:
        found |= holidays(year, country)
    return found
