"""Tariffs: the row of the day holds, and hourly prices follow the wall clock of the day most like it."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cim.model.errors import BadInput
from cim.model.intervals import LocalDay
from cim.model.like_date import like_date
from market.billing.hourly_prices import HourlyPrices
from market.billing.tariff import Tariff, TariffRow

ZONE = "Europe/Vienna"
FIRST = datetime(2017, 12, 31, 23, tzinfo=UTC)
YEAR = HourlyPrices(FIRST, ZONE, np.arange(8760, dtype=np.int64))


def hour(year: int, month: int, day: int, clock: int) -> int:
    """The number of an hour of 2018."""
    return (datetime(year, month, day, clock, tzinfo=ZoneInfo(ZONE)).astimezone(UTC) - FIRST) // timedelta(hours=1)


def test_a_day_of_2016_takes_the_day_of_2018_with_its_weekday_and_the_nearest_date() -> None:
    """Friday 20 May 2016 is like Friday 18 May 2018, quarter-hour by quarter-hour."""
    found = YEAR.of_day(LocalDay(date(2016, 5, 20), ZONE))
    assert found.tolist() == [hour(2018, 5, 18, k // 4) for k in range(96)]


def test_a_day_of_the_prices_own_year_has_its_own_prices() -> None:
    """Nothing is mapped where nothing need be; the hours are 24, one lacking, or one twice."""
    for month, day in ((5, 18), (3, 25)):
        local = LocalDay(date(2018, month, day), ZONE, 60)
        begin = (local.start - FIRST) // timedelta(hours=1)
        assert YEAR.of_day(local).tolist() == list(range(begin, begin + local.count))


@given(day=st.dates(date(2010, 1, 1), date(2040, 12, 31)), minutes=st.sampled_from([15, 30, 60]))
def test_every_day_has_a_price_in_each_isp_by_its_clock(day: date, minutes: int) -> None:
    """As many as the day has ISPs, all of one like day, and equal within an hour of the clock."""
    local = LocalDay(day, ZONE, minutes)
    found = YEAR.of_day(local)
    assert len(found) == local.count
    like = LocalDay(like_date(day, date(2018, 1, 1), date(2018, 12, 31), "prices"), ZONE)
    assert like.day.weekday() == day.weekday()
    begin, end = ((at - FIRST) // timedelta(hours=1) for at in (like.start, like.end))
    assert begin <= found.min()
    assert found.max() < end


def row(start: str, network: int, **changes: bool) -> TariffRow:
    """A row from a day on."""
    return TariffRow(date.fromisoformat(start), 500_000, network, 400_000, 800_000, **changes)


def test_the_newest_row_that_has_begun_holds() -> None:
    """The day before, the old one; from its first day on, the new one; before all of them, a sentence."""
    tariff = Tariff((row("2016-01-01", 1), row("2016-07-01", 2)))
    held = [int(tariff.rates(LocalDay(date(2016, m, d), ZONE)).network_e4_per_mwh[0]) for m, d in ((6, 30), (7, 1))]
    assert held == [1, 2]
    with pytest.raises(BadInput, match="no row holds on 2015-12-31; expected 2016-01-01 or later"):
        tariff.rates(LocalDay(date(2015, 12, 31), ZONE))


def test_hourly_prices_come_on_top_where_the_row_says_so() -> None:
    """Retail is energy, network and taxes together; one ct/kWh is 100,000 ten-thousandths per MWh."""
    day = LocalDay(date(2018, 5, 18), ZONE)
    flat = Tariff((row("2016-01-01", 600_000),)).rates(day)
    assert set(flat.retail_ct_per_kwh.tolist()) == {15.0}
    assert set(flat.feed_in_ct_per_kwh.tolist()) == {8.0}
    hourly = Tariff((row("2016-01-01", 600_000, feed_in_by_hour=True),), YEAR).rates(day)
    assert set(hourly.retail_ct_per_kwh.tolist()) == {15.0}
    assert hourly.feed_in_e4_per_mwh.tolist() == (800_000 + YEAR.of_day(day)).tolist()
    with pytest.raises(BadInput, match="goes by hourly prices; expected some"):
        Tariff((row("2016-01-01", 0, energy_by_hour=True),)).rates(day)
