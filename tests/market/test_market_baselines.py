"""Baselines take the right days, adjust within the cap, and keep to the local day when the clocks change."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import numpy as np
import pytest

from cim.model.errors import BadInput
from cim.model.intervals import LocalDay
from market.settlement.baselines import d_prognosis_baseline, like_days, meter_before_baseline, x_of_y_baseline
from market.uftp.header import Header
from market.uftp.prognosis import DPrognosis

DAY = LocalDay(date(2026, 5, 20), "Europe/Vienna")  # a Wednesday
HISTORY = {
    day: np.full(96, 1000.0 + back) for back in range(1, 40) if (day := DAY.day - timedelta(days=back)) < DAY.day
}


def test_like_days_are_of_the_same_type_without_events_and_holidays() -> None:
    """Ten working days back from a Wednesday, jumping an event day and a holiday."""
    event, holiday = date(2026, 5, 18), date(2026, 5, 14)
    days = like_days(DAY, HISTORY.keys(), [event], [holiday])
    assert len(days) == 10
    assert days[0] == date(2026, 5, 19)
    assert all(day.isoweekday() <= 5 and day not in (event, holiday) for day in days)
    sundays = like_days(LocalDay(date(2026, 5, 14), DAY.timezone), HISTORY.keys(), [], [date(2026, 5, 14)], 2)
    assert sundays == (date(2026, 5, 10), date(2026, 5, 3))


def test_x_of_y_is_the_mean_of_the_highest_days() -> None:
    """10 of 10 is the mean of all, 2 of 5 that of the two highest."""
    days = like_days(DAY, HISTORY.keys(), (), ())
    assert x_of_y_baseline(DAY, HISTORY)[0] == round(np.mean([HISTORY[day][0] for day in days]))
    highest = sorted((HISTORY[day][0] for day in days[:5]), reverse=True)[:2]
    assert x_of_y_baseline(DAY, HISTORY, x=2, y=5).tolist() == [round(np.mean(highest))] * 96
    with pytest.raises(BadInput, match="expected 40"):
        x_of_y_baseline(DAY, HISTORY, y=40)
    with pytest.raises(BadInput, match="x: 3 of 2"):
        x_of_y_baseline(DAY, HISTORY, x=3, y=2)


@pytest.mark.parametrize(("ratio", "factor"), [(1.1, 1.1), (3.0, 1.2), (0.1, 0.8), (-1.0, 0.8)])
def test_the_same_day_adjustment_is_capped(ratio: float, factor: float) -> None:
    """What was measured before the event scales the day by at most a fifth; the event itself is not looked at."""
    flat = {day: np.full(96, 2000.0) for day in HISTORY}
    same_day = np.full(96, 2000.0 * ratio)
    same_day[40:] = 9e9
    adjusted = x_of_y_baseline(DAY, flat, same_day=same_day, event_isp=41)
    assert adjusted.tolist() == [round(2000 * factor)] * 96
    nothing = {day: np.zeros(96) for day in HISTORY}
    assert not x_of_y_baseline(DAY, nothing, same_day=same_day, event_isp=41).any()
    with pytest.raises(BadInput, match="event_isp: 3"):
        x_of_y_baseline(DAY, flat, same_day=same_day, event_isp=3)


def test_days_with_a_clock_change_are_matched_by_the_clock() -> None:
    """A 92-ISP Sunday gets its like Sundays' values at the same wall-clock time, not shifted by an hour."""
    change = LocalDay(date(2026, 3, 29), "Europe/Vienna")
    noon = np.arange(96.0)
    history = {change.day - timedelta(days=7 * k): noon for k in (1, 2)}
    baseline = x_of_y_baseline(change, history, x=2, y=2)
    assert len(baseline) == 92
    assert baseline[change.isp_of(change.at(12)) - 1] == 48
    after = LocalDay(date(2026, 4, 5), "Europe/Vienna")
    back = x_of_y_baseline(after, {change.day: baseline}, x=1, y=1)
    assert len(back) == 96
    assert back[48] == 48
    with pytest.raises(BadInput, match="expected 92"):
        x_of_y_baseline(after, {change.day: noon}, x=1, y=1)


def test_meter_before_and_prognosis() -> None:
    """The level just before the activation is held; the highest revision of the D-Prognosis counts."""
    actual = np.arange(96.0) * 10
    assert meter_before_baseline(actual, 5, 3).tolist() == [30, 30, 30]
    assert meter_before_baseline(actual, 5, 2, before_isps=3).tolist() == [20, 20]
    with pytest.raises(BadInput, match="activation"):
        meter_before_baseline(actual, 1, 3)
    header = Header("a", "b", datetime(2026, 5, 19, tzinfo=UTC), "m", "c")
    made = [DPrognosis(header, DAY.day, "ean.1", revision, (revision,) * 96, DAY.timezone) for revision in (2, 3, 1)]
    assert d_prognosis_baseline(made)[0] == 3
    with pytest.raises(BadInput, match="prognoses: 0"):
        d_prognosis_baseline([])
