"""Baselines are validated in every ISP, ordered or not; what a day's settlement comes to is added up since the month began."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

from hypothesis import given
from hypothesis import strategies as st

from market.settlement.baseline_checks import (
    BaselineCheck,
    accumulated,
    baseline_check,
    day_totals,
    final_forecast,
    period_start,
    renewed_forecast,
    with_procured,
)
from market.settlement.day import METERED, POWER
from market.settlement.portfolio import ConnectionDay
from market.uftp import DPrognosis, FlexOrderSettlement, Header, Metering, MeteringProfile, SettlementIsp
from market.uftp import SettlementTotals as Totals
from tests.worlds.players import DAY, FIRST, POINT

COUNT = DAY.count


def prognosis(power_w: int, revision: int, isp: int) -> DPrognosis:
    """One that is flat, told when an ISP begins (0: the day before)."""
    at = DAY.isp_start(isp) if isp else DAY.start - timedelta(hours=14)
    header = Header("agr.example", "dso.example", at, f"p-{revision}", "c")
    return DPrognosis(header, FIRST, POINT, revision, (power_w,) * COUNT, "Europe/Vienna")


def connection(power_w: int, lost: tuple[int, ...] = ()) -> ConnectionDay:
    """One whose meter saw the same power in every ISP but some."""
    profiles = [MeteringProfile(POWER, "W", (power_w,) * COUNT)]
    if lost:
        profiles.append(MeteringProfile(METERED, "1", tuple(int(k not in lost) for k in range(1, COUNT + 1))))
    header = Header("farm.example", "dso.example", DAY.end, "m", "c")
    return ConnectionDay(Metering(header, FIRST, "ean.farm", 1, tuple(profiles), "Europe/Vienna"))


def test_what_is_told_of_an_isp_that_has_begun_is_no_forecast_of_it() -> None:
    """1 kW the day before, 2 kW at the beginning of ISP 41: ISP 41 itself still has 1 kW, from 42 on it is 2 kW."""
    told = [prognosis(2000, 2, 41), prognosis(1000, 1, 0)]
    assert final_forecast(told, DAY) == (1000,) * 41 + (2000,) * (COUNT - 41)


def test_a_day_of_which_an_isp_was_never_foretold_has_no_baseline() -> None:
    """A first prognosis in the middle of the day foretells nothing of the morning; none foretells nothing."""
    assert final_forecast([prognosis(1000, 1, 41)], DAY) is None
    assert final_forecast([], DAY) is None


def test_a_members_forecast_keeps_what_has_begun_with_what_was_ordered_there() -> None:
    """At the start of ISP 3 a member foretells 500 W; it was ordered down by 200 W in ISPs 2 and 9: its news holds from 4 on."""
    found = renewed_forecast((1000,) * COUNT, {2: -200, 9: -200}, (500,) * COUNT, DAY, DAY.isp_start(3))
    assert found == (1000, 800, 1000) + (500,) * (COUNT - 3)
    assert renewed_forecast(None, {2: -200}, (500,) * COUNT, DAY, DAY.isp_start(3)) == (500,) * COUNT


def test_every_isp_counts_ordered_or_not() -> None:
    """Expected 1 kW, in ISP 5 0.4 kW by an order; metered 1.2 kW all day: 0.2 kW off where nothing was ordered, 0.8 in ISP 5."""
    expected = with_procured((1000,) * COUNT, {5: 400})
    found = baseline_check(POINT, expected, [connection(700), connection(500)])
    assert found.deviations_w() == (200,) * 4 + (800,) + (200,) * (COUNT - 5)
    assert day_totals((), (found,), 15).deviation_wh == 95 * 50 + 200


def test_what_not_all_meters_saw_counts_for_nothing() -> None:
    """Of two connections one was not metered in ISPs 7 and 8; and one that told nothing leaves no ISP to judge."""
    found = baseline_check(POINT, (0,) * COUNT, [connection(100, (7, 8)), connection(100)])
    assert found.unknown == (7, 8)
    assert [isp for isp, watts in enumerate(found.deviations_w(), 1) if not watts] == [7, 8]
    blind = baseline_check(POINT, (0,) * COUNT, [connection(100), ConnectionDay(None)])
    assert not any(blind.deviations_w())


def test_a_days_totals_are_those_of_its_orders() -> None:
    """Two orders, one up and one down, deliver 4 kW in an ISP and 2 kW in two: 2 kWh, earning and fined as they say."""
    up = FlexOrderSettlement("u", FIRST, POINT, (SettlementIsp(1, 0, 4000, 4000, 4000, 0),), 700, 0, 700)
    down = FlexOrderSettlement("d", FIRST, POINT, (SettlementIsp(2, 0, -3000, -2000, -2000, 1000, 2),), 300, 50, 250)
    assert day_totals((up, down), (), 15) == Totals(volume_wh=2000, deviation_wh=0, price_e4=1000, penalty_e4=50)


@given(st.lists(st.builds(Totals, *[st.integers(0, 10**9)] * 4), max_size=31), st.integers(0, 31))
def test_accumulating_is_adding_up_however_it_is_grouped(days: list[Totals], cut: int) -> None:
    """The month so far and the days since come to the same as all days at once; no day at all comes to nothing."""
    parts = accumulated(days[:cut]), accumulated(days[cut:])
    assert accumulated(parts) == accumulated(days)
    assert accumulated([]) == Totals()


@given(st.integers(-50_000, 50_000), st.integers(-50_000, 50_000))
def test_a_deviation_has_no_sign_in_the_sum(above: int, below: int) -> None:
    """What was too much in one ISP does not make up for what was too little in the next."""
    one = BaselineCheck(POINT, (0, 0), (above, below))
    assert day_totals((), (one,), 60).deviation_wh == abs(above) + abs(below)
    assert day_totals((), (replace(one, unknown=(2,)),), 60).deviation_wh == abs(above)


def test_a_settlement_period_is_a_calendar_month() -> None:
    """The last of a month and the first of the next are in two of them."""
    assert period_start(date(2026, 5, 31)) == date(2026, 5, 1)
    assert period_start(date(2026, 6, 1)) == date(2026, 6, 1)
