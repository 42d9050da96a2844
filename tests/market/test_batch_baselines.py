"""Baselines in a batch are those of each party alone, over clock changes, events and holidays."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cim.model.errors import BadInput
from market.settlement.baselines import x_of_y_baseline
from market.settlement.batch.baselines import LikeDays
from market.settlement.batch.tables import MeterTable
from tests.market.batch_worlds import days_from

HOLIDAY = date(2026, 3, 25)
LAST = {
    "ordinary": date(2026, 3, 27),
    "spring": date(2026, 3, 29),
    "after": date(2026, 3, 31),
    "autumn": date(2026, 10, 25),
}


@settings(max_examples=25, deadline=None)
@given(
    st.integers(0, 2**32 - 1),
    st.sampled_from(sorted(LAST)),
    st.integers(1, 3),
    st.sampled_from([0, 9, 40]),
    st.sampled_from([0.0, 0.15]),
)
def test_a_batch_gives_each_partys_baseline(seed: int, when: str, x: int, event_isp: int, activated: float) -> None:
    """The mean of the highest like days and its same-day adjustment, watt by watt, for parties with events of their own."""
    y, span, parties = 3, 45, 4
    days, rng = days_from(LAST[when] - timedelta(days=span - 1), span), np.random.default_rng(seed)
    power = rng.integers(-4000, 9000, (parties, days.count)).astype(np.int32)
    events = rng.random((parties, span)) < activated
    day = span - 1
    event = np.where(rng.random(parties) < 0.5, event_isp, 0)
    found = LikeDays(MeterTable(days, power), events, [HOLIDAY]).baseline_w(day, x, y, event_isp=event)
    for party in range(parties):
        history = {of.day: power[party, days.slice_of(k)] for k, of in enumerate(days.days[:day])}
        expected = x_of_y_baseline(
            days.days[day], history, events=[days.days[k].day for k in np.flatnonzero(events[party])], holidays=[HOLIDAY],
            x=x, y=y, same_day=power[party, days.slice_of(day)], event_isp=int(event[party]) or None,
        )  # fmt: skip
        assert found[party].tolist() == expected.tolist()


def test_too_little_history_names_the_party() -> None:
    """Where one party has too few like days the batch stops and says whose: a baseline is never made of less."""
    days = days_from(date(2026, 5, 4), 12)
    events = np.zeros((3, 12), dtype=bool)
    events[1, 0:8] = True
    like = LikeDays(MeterTable(days, np.zeros((3, days.count), dtype=np.int32)), events)
    with pytest.raises(BadInput, match="party 1 has 3 like days before 2026-05-15; expected 5"):
        like.baseline_w(11, 5, 5)


def test_an_event_too_early_to_adjust_by_is_refused() -> None:
    """An activation before eight quarter-hours of the day are over leaves nothing to adjust by: refused, not guessed."""
    days = days_from(date(2026, 5, 4), 12)
    like = LikeDays(MeterTable(days, np.ones((1, days.count), dtype=np.int32)), np.zeros((1, 12), dtype=bool))
    with pytest.raises(BadInput, match="event_isp: 5"):
        like.baseline_w(11, 2, 2, event_isp=np.array([5]))


def test_meters_of_another_shape_are_refused() -> None:
    """A table whose columns are not the days' ISPs would put every value at a wrong time."""
    days = days_from(date(2026, 5, 4), 2)
    with pytest.raises(BadInput, match="192 ISPs"):
        MeterTable(days, np.zeros((1, 191), dtype=np.int32))
