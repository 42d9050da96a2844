"""What relief costs the DSO by other means: its own curtailment at the tariffs below, at most a stronger grid."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import numpy as np
import pytest

from agents.roles.dso.config import FeedInControl, MeteredPoint, OutsidePrices, PlantConnection
from agents.roles.dso.outside_options import OutsideOptions
from agents.roles.dso.prognoses import Prognoses
from agents.roles.dso.registration import GridRegistration
from market.billing.tariff import Tariff, TariffRow
from market.contracts.activations import Activations
from tests.worlds import players
from tests.worlds.players import AHEAD, DAY, FIRST, POINT, UPPER, dso


def tariff(feed_in_ct: int) -> Tariff:
    """A tariff with nothing but a feed-in price."""
    return Tariff((TariffRow(FIRST, 0, 0, 0, feed_in_ct * 100_000),))


def prices_e4_per_kw(point: str, need_kw: float, last_resort_pct: int = 300) -> float:
    """What a kW costs in an ISP by other means."""
    config = dso().part(Prognoses).config
    control = FeedInControl(
        meters=(MeteredPoint(POINT, "lv.meter", 10_000.0),),
        plants=(
            PlantConnection("ean.farm-a", "farm-a", (POINT, UPPER), 10_000, tariff(8)),
            PlantConnection("ean.park", "park", (UPPER,), 30_000, tariff(4)),
        ),
        watch_pct=90,
        reserve_pct=0,
        relax_pct=2,
    )
    config = replace(config, curtailing=control, outside=OutsidePrices(last_resort_pct, 2_000))
    found = OutsideOptions(config, 0.25).e4_per_kw(point, DAY, np.full(96, need_kw))
    assert len(set(found.tolist())) == 1
    return float(found[0])


def test_an_offer_may_cost_so_much_of_what_curtailing_the_plants_below_would() -> None:
    """Above both plants their tariffs count by rating: (10 x 8 + 30 x 4) / 40 = 5 ct, three times that, a quarter-hour."""
    assert prices_e4_per_kw(UPPER, 5.0) == pytest.approx(3 * 500 / 4)


def test_a_stronger_grid_is_the_upper_bound_and_the_only_other_means_against_too_much_consumption() -> None:
    """At 8 ct three times are 24 ct, more than the 20 ct of a stronger grid."""
    assert prices_e4_per_kw(POINT, 5.0) == prices_e4_per_kw(POINT, -5.0) == pytest.approx(2_000 / 4)
    assert prices_e4_per_kw(POINT, 5.0, last_resort_pct=100) == pytest.approx(800 / 4)


def test_an_option_stands_by_in_its_season_and_hours_only() -> None:
    """Strem's: April to September, 10 to 15 o'clock; it ends with the season, and none is sought outside it."""
    registration = dso().part(GridRegistration)
    contract = registration.option("agr", FIRST, AHEAD)
    assert (contract.start_date, contract.end_date) == (FIRST, date(2016, 9, 30))
    assert Activations(contract).isps_on(DAY) == frozenset(range(41, 61))
    assert [registration.in_season(date(2016, month, 1)) for month in (3, 4, 9, 10)] == [False, True, True, False]
    assert players.DAY.count == 96
