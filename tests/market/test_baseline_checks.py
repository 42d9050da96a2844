"""Baselines are validated in every ISP, ordered or not; what a day's settlement comes to is added up since the month began."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from market.settlement.baseline_checks import (
    BaselineCheck,
    FinalForecast,
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
from market.uftp import (
    DPrognosis,
    FlexOrder,
    FlexOrderSettlement,
    Header,
    IspPower,
    Metering,
    MeteringProfile,
    SettlementIsp,
)
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


def ordered(power_w: int, isp: int, at: datetime) -> FlexOrder:
    """An order of two ISPs that was made at some time."""
    header = Header("dso.example", "agr.example", at, f"o-{isp}-{power_w}", "c")
    return FlexOrder(
        header, FIRST, POINT, header.message_id, 1, "EUR", (IspPower(isp, power_w, 2),), "Europe/Vienna", 15
    )


def test_what_is_told_of_an_isp_that_has_begun_is_no_forecast_of_it() -> None:
    """1 kW the day before, 2 kW at the beginning of ISP 41: ISP 41 itself still has 1 kW, from 42 on it is 2 kW."""
    told = [prognosis(2000, 2, 41), prognosis(1000, 1, 0)]
    final = final_forecast(told, DAY)
    assert final is not None
    assert final.power_w == (1000,) * 41 + (2000,) * (COUNT - 41)
    assert final.told_at == (told[1].header.time_stamp,) * 41 + (told[0].header.time_stamp,) * (COUNT - 41)


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
    """Expected 1 kW, in ISPs 5 and 6 0.4 by an order; metered 1.2 all day: 0.2 off where nothing was ordered, 0.8 there."""
    told_at = (DAY.isp_start(1),) * COUNT
    expected = with_procured(FinalForecast((1000,) * COUNT, told_at), [ordered(-600, 5, DAY.isp_start(2))])
    found = baseline_check(POINT, expected, [connection(700), connection(500)])
    assert found.deviations_w() == (200,) * 4 + (800, 800) + (200,) * (COUNT - 6)
    assert day_totals((), (found,), 15).deviation_wh == 94 * 50 + 2 * 200


def test_the_final_forecast_holds_what_was_ordered_before_it_was_told() -> None:
    """1 kW, ordered down by 600 W in ISPs 43 and 44, told anew at ISP 41 (2 kW from 42 on), ordered down by 300 W at 42: 1.7 kW."""
    final = final_forecast([prognosis(2000, 2, 41), prognosis(1000, 1, 0)], DAY)
    assert final is not None
    early, late = ordered(-600, 43, DAY.isp_start(40)), ordered(-300, 43, DAY.isp_start(42))
    found = with_procured(final, [early, late])
    assert found[40:45] == (1000, 2000, 1700, 1700, 2000)


def test_an_isp_in_which_the_buyer_limited_the_feed_in_says_nothing_of_a_baseline() -> None:
    """1 kW was expected, 0.4 kW metered all day; in ISPs 3 and 4 the DSO limited the plant, ISP 7 nobody metered."""
    found = baseline_check(POINT, (1000,) * COUNT, [connection(400, (7,))], (4, 3))
    assert found.unknown == (3, 4, 7)
    assert {watts for isp, watts in enumerate(found.deviations_w(), 1) if isp not in found.unknown} == {-600}
    assert not any(found.deviations_w()[isp - 1] for isp in found.unknown)


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
