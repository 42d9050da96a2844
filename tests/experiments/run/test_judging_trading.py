"""A site's energy as one balance group: prices by hand, forecasts by when they were told, a week before where nobody forecasts."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import numpy as np
import pytest

from cim.model.errors import BadInput
from cim.model.intervals import LocalDay
from cim.platform.publications.grid import ExchangeForecast
from environment.physics.device_truth import DeviceTruth
from environment.profiles.library import load
from environment.profiles.mix import mean_profile
from environment.sites import load_site
from environment.sites.schema import Site
from experiments.run import run
from experiments.run.columns.column import Column, ColumnName
from experiments.run.columns.sold_balancing import SoldBalancing
from experiments.run.judging.trading import (
    Positions,
    day_ahead_ct_per_kwh,
    settled,
    traded,
    week_before_kw,
    wholesale_of,
)
from experiments.run.settings import RunSettings

SITE = load_site("strem")
DAY = LocalDay(date(2016, 5, 20), SITE.timezone)
TERMS = wholesale_of(SITE)
NO_DEVICES = DeviceTruth({}, {}, {}, 0.0, 0.0)


def forecast(at: datetime, kw: float, day: LocalDay = DAY) -> ExchangeForecast:
    """The same power in all ISPs of a day."""
    return ExchangeForecast(at, day.day, (round(1000 * kw),) * day.count)


def column(kw: float, *told: ExchangeForecast, devices: DeviceTruth = NO_DEVICES) -> Column:
    """A site that drew so much all day, and what was expected of it."""
    watts = np.full(DAY.count, round(1000 * kw))
    return Column({"home": (watts, watts * 0)}, {}, devices, expected=told)


def test_each_market_has_its_price() -> None:
    """By hand for an hour at 10 ct: 8 kWh ahead, 2 more at 10.2, 1 less than that sold back at 8; at 1 ct the least counts."""
    at = Positions(np.array([8.0, 0.0]), np.array([10.0, 0.0]), np.array([9.0, 5.0]))
    day_ahead, intraday, imbalance = settled(TERMS, at, np.array([10.0, 1.0]), 1.0)
    assert day_ahead == pytest.approx(80.0)
    assert intraday == pytest.approx(2 * 10.2)
    assert imbalance == pytest.approx(-1 * (10 - 2) + 5 * (1 + 0.8))


def test_no_deviation_earns_anything_also_at_negative_prices() -> None:
    """Whatever is bought otherwise than it comes costs more than to have bought it day-ahead."""
    came = np.array([3.0, 3.0, 3.0])
    for price in (-2.0, 0.0, 6.0):
        exact = sum(settled(TERMS, Positions(came, came, came), np.full(3, price), 0.25))
        for ahead, later in ((1.0, 3.0), (3.0, 4.0), (3.0, 1.0), (5.0, 5.0)):
            wrong = Positions(np.full(3, ahead), np.full(3, later), came)
            assert sum(settled(TERMS, wrong, np.full(3, price), 0.25)) > exact


def test_delivered_balancing_energy_is_no_imbalance() -> None:
    """50 kW are expected; in ISP 40 it is 40, of which 8 were delivered to the TSO: 2 kW are an imbalance, 8 are worth the
    day-ahead price, and 3 euros of premiums less one of penalties stand beside them.
    """
    told = forecast(DAY.next(-1).at(11), 50.0)
    came = column(50.0, told)
    (watts, _), delivered = came.truth["home"], np.zeros(DAY.count)
    watts[39], delivered[39] = 40_000, -8.0
    sold = SoldBalancing(delivered, delivered, 2.0, 3.0, 1.0, 3.5, 1, 0)
    plain = traded(SITE, ColumnName.MARKET, came, (DAY,))
    found = traded(SITE, ColumnName.MARKET, replace(came, balancing=sold), (DAY,))
    price = float(day_ahead_ct_per_kwh(SITE, DAY)[39])
    penalty = max(0.2 * abs(price), 0.8)
    assert plain.imbalance == pytest.approx(10 / 4 * (penalty - price) / 100)
    assert found.imbalance == pytest.approx(2 / 4 * (penalty - price) / 100)
    assert found.balancing == pytest.approx(-8 / 4 * price / 100 - 3 + 1)
    assert found.cost == pytest.approx(plain.cost - 8 / 4 * penalty / 100 - 3 + 1)


def test_what_is_told_after_a_gate_is_too_late_for_it() -> None:
    """Told at 11:00 counts day-ahead, at 13:00 intraday; what an hour before 12:00 is told counts for no earlier ISP."""
    before, early = DAY.next(-1), 40.0
    told = (forecast(before.at(11), early), forecast(before.at(13), 44.0), forecast(DAY.at(11), 50.0))
    found = traded(SITE, ColumnName.MARKET, column(50.0, *told), (DAY,))
    price = day_ahead_ct_per_kwh(SITE, DAY)
    assert found.day_ahead == pytest.approx(early * float(price.sum()) / 4 / 100)
    later = np.where(np.arange(DAY.count) >= 48, 50.0, 44.0)
    ahead = np.full(DAY.count, early)
    _, intraday, imbalance = settled(TERMS, Positions(ahead, later, np.full(DAY.count, 50.0)), price, 0.25)
    assert (found.intraday, found.imbalance) == (pytest.approx(intraday / 100), pytest.approx(imbalance / 100))
    with pytest.raises(BadInput, match="nothing was expected of 2016-05-20 by its gate"):
        traded(SITE, ColumnName.MARKET, column(50.0, forecast(before.at(13), 44.0)), (DAY,))


def test_foresight_pays_day_ahead_alone_and_who_forecasts_nothing_buys_the_week_before() -> None:
    """With the truth bought there is nothing to correct; without a forecast all of the difference is imbalance."""
    found = traded(SITE, ColumnName.FORESIGHT, column(50.0), (DAY,))
    assert (found.intraday, found.imbalance) == (0.0, 0.0)
    assert found.cost == pytest.approx(50 * float(day_ahead_ct_per_kwh(SITE, DAY).sum()) / 4 / 100)
    idle = traded(SITE, ColumnName.IDLE, column(50.0), (DAY,))
    assert idle.intraday == 0.0
    assert idle.cost > found.cost


def test_the_week_before_is_the_profiles_own() -> None:
    """Of one home without devices: its profile of the same weekday, quarter-hour by quarter-hour."""
    home = next(p for p in SITE.prosumers if p.base_load is not None)
    profiles, load_ = load(SITE.profiles), home.base_load
    assert load_ is not None
    one = cast(Site, SimpleNamespace(prosumers=(home.model_copy(update={"devices": ()}),), profiles=SITE.profiles,
                                     isp_minutes=15, prosumer=lambda _: home))  # fmt: skip
    first = profiles.index(DAY.next(-7).start)
    expected = mean_profile(profiles, load_.strands)[first : first + 96] * load_.peak_w.value / 1000
    np.testing.assert_allclose(week_before_kw(one, DAY), expected)


def test_in_the_first_week_the_day_before_stands_for_it() -> None:
    """5 January has no week before in the profiles: 4 January, which is also what a week before 11 January was."""
    early, late = (week_before_kw(SITE, LocalDay(date(2016, 1, day), SITE.timezone)) for day in (5, 11))
    assert early.any()
    assert np.array_equal(early, late)


def test_what_a_battery_keeps_is_worth_the_mean_price_and_what_it_moves_wears() -> None:
    """4 kW for an hour into a battery: 3.8 kWh kept, sold at 95 % of them; half of what went in is what went through."""
    power = np.zeros(DAY.count)
    power[:4] = 4000.0
    devices = DeviceTruth({"home.b": "battery"}, {"home.b": power}, {}, 0.0, 0.0, {"home.pump": 1000.0})
    found = traded(SITE, ColumnName.FORESIGHT, column(0.0, devices=devices), (DAY,))
    mean = float(day_ahead_ct_per_kwh(SITE, DAY).mean())
    assert found.kept == pytest.approx((3.8 * 0.95 + 1.0) * mean / 100)
    assert found.wear == pytest.approx(2 * SITE.flexibility_costs.wear_ct_per_kwh.value / 100)
    assert found.cost == pytest.approx(found.wear - found.kept)


@pytest.mark.parametrize(("scenario", "section"), [("market", "wholesale"), ("islanding", "islanding")])
def test_a_site_that_says_nothing_of_it_is_refused_before_anything_runs(
    scenario: str, section: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The sentence names the scenario and the section that is missing."""
    bare = SITE.model_copy(update={section: None})
    monkeypatch.setattr(run, "load_site", lambda _: bare)
    asked = RunSettings("strem", DAY.day, 1, 1, "local", "direct", 1, Path("unused"), scenario=scenario)
    with pytest.raises(BadInput, match=f"scenario: '{scenario}' at strem; expected a section `{section}`"):
        run.check(asked)
