"""Tomorrow's band of one series, with models fitted for it: a job (see `agents.planning.jobs`), for it loads LightGBM."""

from __future__ import annotations

import numpy as np

from agents.planning.forecast.bands.conformal import DAYS, LEAST_DAYS
from agents.planning.forecast.bands.features import FIRST_DAY
from agents.planning.forecast.bands.history import KnownDays, SeriesHistory
from agents.planning.forecast.bands.walk_forward import LEAST_TRAINING, Schedule, walk_forward
from cim.model.arrays import Floats

LEAST_HISTORY = FIRST_DAY + LEAST_TRAINING + LEAST_DAYS + 4  # days that a band with calibrated edges needs
_REFITS = 2  # within the days that the edges are calibrated by


def day_ahead(known: KnownDays, issue_slot: int) -> tuple[Floats, ...]:
    """Three profiles of the last day, [96] watts by wall-clock time: what comes is below them with a chance of 10, 50, 90 %.

    Nothing where there are fewer than `LEAST_HISTORY` days. Quarter-hours that nobody metered are taken as a week before;
    a day of which the weather service said nothing, as the day before it.

    Args:
        known: the last day is the one to forecast.
        issue_slot: how many quarter-hours of the day before are known.
    """
    if len(known.days_w) < LEAST_HISTORY:
        return ()
    values = without_gaps(np.array(known.days_w), 7)
    history = SeriesHistory(known.first, values, without_gaps(np.array(known.told), 1), known.country)
    ((_, band),) = walk_forward(history, history.days - 1, Schedule(issue_slot, DAYS // _REFITS))
    return tuple(band[:, k].copy() for k in range(band.shape[1]))


def without_gaps(values: Floats, back: int) -> Floats:
    """[days, 96] with each NaN as `back` days before; on the first days as the mean of what is known at that time of day."""
    found = values.copy()
    gaps = np.isnan(found)
    if not gaps.any():
        return found
    usual = np.where(gaps, 0.0, found).sum(axis=0) / np.maximum((~gaps).sum(axis=0), 1)
    for day in np.flatnonzero(gaps.any(axis=1)).tolist():
        found[day, gaps[day]] = (found[day - back] if day >= back else usual)[gaps[day]]
    return found
