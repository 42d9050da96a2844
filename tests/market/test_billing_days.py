"""A customer's days: what a kWh costs by and large, prices on days when the clocks change, and a bill made of parts."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cim.codec.codec import decode, encode
from cim.model.errors import BadInput
from cim.model.intervals import LocalDay
from market.billing.bill import Bill, BillKind, BillLine, bill_of, energy_bill, payments_bill
from market.billing.hourly_prices import HourlyPrices
from market.billing.tariff import DayRates, Tariff, TariffRow
from market.settlement.payments import Payment

ZONE = "Europe/Vienna"
FIRST = datetime(2017, 12, 31, 23, tzinfo=UTC)  # local midnight of 1 January 2018
YEAR = HourlyPrices(FIRST, ZONE, np.arange(8760, dtype=np.int64))
START = date(2018, 1, 1)


def row(energy: int = 0, network: int = 0, taxes: int = 0, feed_in: int = 0, **by: bool) -> TariffRow:
    """A row from the first day on."""
    return TariffRow(START, energy, network, taxes, feed_in, **by)


def clock(day: date, timezone: str = ZONE) -> list[int]:
    """The hour of the wall clock at which each hour of a local day begins."""
    local = LocalDay(day, timezone, 60)
    return [local.isp_start(k).astimezone(ZoneInfo(timezone)).hour for k in range(1, local.count + 1)]


def test_by_and_large_a_kwh_costs_its_parts_and_the_mean_hour() -> None:
    """1 + 2 + 3 ct and a mean of 4 ct; fed in it earns 5 ct and what nine of ten hours do not exceed."""
    flat = Tariff((row(100_000, 200_000, 300_000, 500_000),))
    assert flat.by_and_large(START) == (6.0, 5.0)
    prices = HourlyPrices(FIRST, ZONE, np.array([0] * 10 + [800_000] * 10))
    bought = Tariff((row(100_000, 200_000, 300_000, 500_000, energy_by_hour=True),), prices)
    assert bought.by_and_large(START) == (10.0, 5.0)
    sold = Tariff((row(100_000, 200_000, 300_000, 500_000, feed_in_by_hour=True),), prices)
    assert sold.by_and_large(START) == (6.0, 13.0)
    tenth = HourlyPrices(FIRST, ZONE, np.arange(11) * 100_000)
    assert Tariff((row(feed_in_by_hour=True),), tenth).by_and_large(START) == (0.0, pytest.approx(9.0))


def test_by_and_large_goes_by_the_row_of_the_day_and_needs_its_prices() -> None:
    """A newer row from its first day on; before all rows, or by the hour without prices, one sentence each."""
    tariff = Tariff((row(100_000), TariffRow(date(2018, 7, 1), 200_000, 0, 0, 0)))
    assert [tariff.by_and_large(date(2018, 6, 30))[0], tariff.by_and_large(date(2018, 7, 1))[0]] == [1.0, 2.0]
    with pytest.raises(BadInput, match="no row holds on 2017-12-31; expected 2018-01-01 or later"):
        tariff.by_and_large(date(2017, 12, 31))
    for by in ("energy_by_hour", "feed_in_by_hour"):
        with pytest.raises(BadInput, match="the row from 2018-01-01 goes by hourly prices; expected some"):
            Tariff((row(**{by: True}),)).by_and_large(START)
    with pytest.raises(BadInput, match="expected one row or later"):
        Tariff(()).by_and_large(START)


@pytest.mark.parametrize(("day", "hours"), [(date(2018, 3, 25), 23), (date(2018, 10, 28), 25), (date(2018, 5, 1), 24)])
@pytest.mark.parametrize("minutes", [15, 30, 60])
def test_a_day_of_the_prices_year_has_a_price_in_each_isp(day: date, hours: int, minutes: int) -> None:
    """23, 24 or 25 hours: an hour that comes twice has its first price both times; all ISPs of an hour are alike."""
    local = LocalDay(day, ZONE, minutes)
    found = YEAR.of_day(local).tolist()
    begin = (local.start - FIRST) // timedelta(hours=1)
    first_of = {hour: begin + clock(day).index(hour) for hour in set(clock(day))}
    assert found == [first_of[hour] for hour in clock(day) for _ in range(60 // minutes)]
    assert len(found) == hours * 60 // minutes


def test_an_hour_that_the_like_day_lacks_has_the_price_of_the_hour_before() -> None:
    """Sunday 24 March 2019 is most like Sunday 25 March 2018, on which 02:00 was skipped: 02:00 costs what 01:00 does."""
    found = YEAR.of_day(LocalDay(date(2019, 3, 24), ZONE, 60)).tolist()
    begin = (LocalDay(date(2018, 3, 25), ZONE).start - FIRST) // timedelta(hours=1)
    assert found == [begin, begin + 1, begin + 1, *range(begin + 2, begin + 23)]


def test_another_zones_year_is_cut_at_its_own_midnights() -> None:
    """Canary time is an hour behind: the same prices begin an hour later in UTC, and a day begins at their hour 0."""
    canary = "Atlantic/Canary"
    prices = HourlyPrices(datetime(2018, 1, 1, tzinfo=UTC), canary, np.arange(8760, dtype=np.int64))
    assert prices.of_day(LocalDay(START, canary, 60)).tolist() == list(range(24))
    assert prices.of_day(LocalDay(date(2018, 12, 31), canary, 60)).tolist() == list(range(8736, 8760))


def test_less_than_a_year_of_prices_is_told() -> None:
    """A day that the span has no like of is refused with the span."""
    short = HourlyPrices(FIRST, ZONE, np.arange(24 * 90, dtype=np.int64))
    with pytest.raises(BadInput, match="prices: 2018-01-01 to 2018-03-31 hold no day like 2018-07-01"):
        short.of_day(LocalDay(date(2018, 7, 1), ZONE))


def test_a_day_that_is_not_wholly_known_is_like_no_other() -> None:
    """A year and some hours of the next day: that day has the prices of the year before, not half of its own."""
    longer = HourlyPrices(FIRST, ZONE, np.arange(8760 + 5, dtype=np.int64))
    day = LocalDay(date(2019, 1, 1), ZONE, 60)
    assert longer.of_day(day).tolist() == YEAR.of_day(day).tolist() == list(range(24, 48))  # Tuesday 2 January 2018


@pytest.mark.parametrize(("energy", "feed_in"), [(False, False), (True, False), (False, True), (True, True)])
def test_the_hours_price_comes_on_top_of_just_the_parts_that_say_so(energy: bool, feed_in: bool) -> None:
    """Network and taxes never move; the energy part and the feed-in each for itself."""
    day = LocalDay(date(2018, 5, 1), ZONE)
    rates = Tariff((row(1, 2, 3, 4, energy_by_hour=energy, feed_in_by_hour=feed_in),), YEAR).rates(day)
    hours = YEAR.of_day(day)
    assert rates.energy_e4_per_mwh.tolist() == (1 + hours * energy).tolist()
    assert rates.feed_in_e4_per_mwh.tolist() == (4 + hours * feed_in).tolist()
    assert set(rates.network_e4_per_mwh.tolist()) == {2}
    assert set(rates.taxes_e4_per_mwh.tolist()) == {3}
    assert rates.retail_ct_per_kwh.tolist() == ((6 + hours * energy) / 100_000).tolist()


def test_a_tariff_travels() -> None:
    """Rows and prices go to a prosumer's agent and give the same rates there."""
    tariff = Tariff((row(1, 2, 3, 4, energy_by_hour=True),), YEAR)
    there = decode(encode(tariff))
    assert isinstance(there, Tariff)
    day = LocalDay(date(2019, 10, 27), ZONE)
    assert there.rows == tariff.rows
    assert there.rates(day).energy_e4_per_mwh.tolist() == tariff.rates(day).energy_e4_per_mwh.tolist()


WATTS = st.lists(st.integers(-100_000, 100_000), min_size=8, max_size=8)
RATES = DayRates(*(np.full(8, rate) for rate in (500_000, 600_000, 400_000, 800_000)))


@given(watts=WATTS, factor=st.integers(1, 9))
def test_twice_the_energy_is_twice_the_bill_to_the_rounding(watts: list[int], factor: int) -> None:
    """Each line grows with the energy; nothing is owed for what is not drawn, nothing earned for what is not fed in."""
    one, many = energy_bill(watts, 15, RATES), energy_bill([factor * w for w in watts], 15, RATES)
    for kind in BillKind:
        assert abs(many.amount_e4(kind) - factor * one.amount_e4(kind)) <= (factor + 1) / 2
    assert one.amount_e4(BillKind.FEED_IN) <= 0 <= one.amount_e4(BillKind.ENERGY)
    drawn = energy_bill([max(w, 0) for w in watts], 15, RATES)
    fed = energy_bill([min(w, 0) for w in watts], 15, RATES)
    assert drawn + fed == one
    assert {line.kind for line in drawn.lines} <= {BillKind.ENERGY, BillKind.NETWORK, BillKind.TAXES}
    assert {line.kind for line in fed.lines} <= {BillKind.FEED_IN}


@given(watts=WATTS, place=st.integers(0, 7), less=st.integers(1, 50_000))
def test_who_draws_less_never_pays_more(watts: list[int], place: int, less: int) -> None:
    """Monotone in every ISP, whether the meter drew or fed in there, where retail is above what feed-in earns."""
    saving = [w - less if k == place else w for k, w in enumerate(watts)]
    assert energy_bill(saving, 15, RATES).total_e4 <= energy_bill(watts, 15, RATES).total_e4 + 1


def test_lines_stand_in_one_order_and_none_is_for_nothing() -> None:
    """Energy first, whatever came first; a line of 0 is left out, and an unknown kind amounts to 0."""
    bill = bill_of({BillKind.CAPACITY: -5, BillKind.ENERGY: 7, BillKind.TAXES: 0})
    assert bill.lines == (BillLine(BillKind.ENERGY, 7), BillLine(BillKind.CAPACITY, -5))
    assert (bill.total_e4, bill.amount_e4(BillKind.TAXES), bill.amount_e4(BillKind.NETWORK)) == (2, 0, 0)
    assert bill + bill_of({BillKind.CAPACITY: 5}) == bill_of({BillKind.ENERGY: 7})


@pytest.mark.parametrize(
    ("reason", "kind"),
    [("utilisation", BillKind.FLEXIBILITY), ("penalty", BillKind.FLEXIBILITY), ("capacity", BillKind.CAPACITY),
     ("curtailment", BillKind.CURTAILMENT), ("make-whole", BillKind.MAKE_WHOLE)],
)  # fmt: skip
def test_a_payment_stands_on_its_reasons_line_with_its_sign(reason: str, kind: BillKind) -> None:
    """Paid is above 0, earned below; others' payments are on no line of ours."""
    payments = [Payment("agr", "home", 40, reason, "o"), Payment("home", "agr", 15, reason, "o")]
    assert payments_bill("home", payments) == Bill((BillLine(kind, -25),))
    assert payments_bill("agr", payments) == Bill((BillLine(kind, 25),))
    assert payments_bill("dso", payments) == Bill(())
