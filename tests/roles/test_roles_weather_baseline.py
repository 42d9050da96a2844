"""A plant whose inverter does not say what it could give is measured against the day's weather, not against a forecast of it."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from agents.planning.elements.element import ElementConfig
from agents.roles.events import Received
from agents.roles.messages import DeviceReport, WeatherBulletin
from agents.roles.prosumer import ProsumerRole
from agents.roles.prosumer.held_orders import HeldOrders
from agents.roles.prosumer.weather_seen import WeatherSeen
from cim.model.devices import DeviceKind, WeatherForecast
from cim.model.readings import Kind, Reading
from market.settlement.elements import AVAILABLE, AVAILABLE_FROM, AvailableSource, ElementMove, moved
from market.uftp import FlexOrderSettlement, FlexSettlement, Metering
from tests.worlds import miniature, physics, players, terms
from tests.worlds.miniature import Miniature
from tests.worlds.physics import HOMES, RATED_W
from tests.worlds.players import AHEAD, DAY, FIRST

CLOUDS, CLEAR = DAY.at(12), DAY.at(15)  # between them the sun gives 60 % of what was forecast until they came
SHARE = {home: 0.97 if k % 2 else 1.02 for k, home in enumerate(HOMES)}  # how each plant answers to the sun
sunshine = physics.sunshine


def cloudy(at: datetime) -> float:
    """What the sun really gives."""
    return sunshine(at) * (0.6 if CLOUDS <= at < CLEAR else 1.0)


@pytest.fixture(scope="module")
def market(tmp_path_factory: pytest.TempPathFactory) -> Miniature:
    """The market's day with clouds that nobody foresaw; no plant says what it could give."""
    folder: Path = tmp_path_factory.mktemp("clouds")
    with pytest.MonkeyPatch.context() as patch:
        market = Miniature(folder / "ledger.db")
        patch.setattr(physics, "sunshine", cloudy)
        patch.setattr(miniature, "sunshine", lambda at: cloudy(at) if market.physics.now >= CLOUDS else sunshine(at))
        market.play(DAY.end + 6 * timedelta(hours=1))
        market.ledger.close()
    return market


def rows(market: Miniature) -> list[FlexOrderSettlement]:
    """The plants' settlements with their aggregators."""
    settled = [row for told in market.said(FlexSettlement) for row in told.order_settlements]
    return [row for row in settled if row.congestion_point.endswith(".pv")]


def held(market: Miniature, plant: str) -> list[ElementMove]:
    """What orders moved of a plant, from what was told before each: rows show the baseline that is paid by instead."""
    return market.roles[plant.partition(".")[0]].part(HeldOrders).moves(plant, FIRST)


def free_w(plant: str, isp: int) -> float:
    """What a plant would have given in an ISP, mean watts (<= 0)."""
    middles = [DAY.isp_start(isp) + timedelta(minutes=minutes) for minutes in (0, 5, 10)]
    share = SHARE[plant.partition(".")[0]]
    return -RATED_W * share * float(np.mean([cloudy(at) for at in middles]))


@pytest.mark.slow
def test_clouds_are_not_paid_as_delivery(market: Miniature) -> None:
    """What is settled is what the limits took, to a twentieth; by what was told before it would be a third more."""
    settled = true = by_told = 0.0
    for row in rows(market):
        told_w = moved(held(market, row.congestion_point))[1]
        for isp in row.isps:
            settled += isp.delivered_flex_power_w
            true += min(
                max(isp.actual_power_w - free_w(row.congestion_point, isp.start), 0.0), isp.ordered_flex_power_w
            )
            told = isp.actual_power_w - told_w[isp.start]
            by_told += min(max(told, 0), isp.ordered_flex_power_w)
    assert settled == pytest.approx(true, rel=0.05)
    assert by_told > 1.3 * true


@pytest.mark.slow
def test_it_says_where_it_is_known_from(market: Miniature) -> None:
    """The metering of a plant that was ordered has available power from meter and weather, none from its inverter."""
    told = [m for m in market.said(Metering) if m.ean.endswith(".pv") and m.profile(AVAILABLE_FROM) is not None]
    assert told
    for metering in told:
        source, available = metering.profile(AVAILABLE_FROM), metering.profile(AVAILABLE)
        assert source is not None
        assert available is not None
        assert set(source.values) == {AvailableSource.METER, AvailableSource.WEATHER}
        for isp, (where, watts) in enumerate(zip(source.values, available.values, strict=True), start=1):
            if where == AvailableSource.WEATHER:
                assert watts == pytest.approx(free_w(metering.ean, isp), abs=0.06 * RATED_W)


def farm() -> ProsumerRole:
    """A farm with 10 kW of PV."""
    elements = (ElementConfig("farm-a.pv", DeviceKind.PV, 10_000),)
    return ProsumerRole(
        "farm-a",
        players.RULES,
        players.key("farm-a"),
        terms.prosumer_config("farm-a", players.POINT, "agr", elements, (np.zeros(96),)),
    )


def bulletin(at: datetime, per_unit: float) -> WeatherBulletin:
    """A forecast of two days of one brightness."""
    return WeatherBulletin(WeatherForecast(at, at, 900, (per_unit,) * 192))


def test_of_each_quarter_hour_the_newest_forecast_before_it_counts() -> None:
    """What is forecast later changes what is still to come, and nothing that has begun before; others' bulletins nothing."""
    role, seen = farm(), WeatherSeen
    assert role.part(seen).plant_w("farm-a.pv", DAY, 41) is None
    for at, sender, level in ((AHEAD, "iles", 0.8), (DAY.at(10), "iles", 0.5), (DAY.at(12), "agr", 0.1)):
        role.handle(Received(sender, 1, bulletin(at, level)), at)
    watts = role.part(seen).plant_w("farm-a.pv", DAY, 41)
    assert watts is not None
    assert set(watts[:40]) == {-8000}
    assert set(watts[40:]) == {-5000}


@pytest.mark.parametrize(("gives_w", "expected_w"), [(-4500, -4500), (-2000, -4000), (-5900, -5900), (-9000, -6000)])
def test_it_is_adjusted_to_the_same_day_by_a_fifth_at_most(gives_w: int, expected_w: int) -> None:
    """A plant that gave less than the weather says in the two hours before its first order would have gone on so."""
    role = farm()
    role.handle(Received("iles", 1, bulletin(DAY.start, 0.5)), DAY.start)
    for minutes in range(0, 10 * 60 + 1, 5):
        at = DAY.start + timedelta(minutes=minutes)
        shown = {Kind.POWER: float(gives_w), Kind.ENERGY_EXPORT: -gives_w * minutes / 60}
        report = DeviceReport(
            "farm-a.pv", at, tuple(Reading("farm-a.pv", kind, x, at) for kind, x in shown.items()), ()
        )
        role.handle(Received("farm-a.pv", minutes, report), at)
    watts = role.part(WeatherSeen).plant_w("farm-a.pv", DAY, 41)
    assert watts is not None
    assert watts[40] == pytest.approx(expected_w, abs=5)


def test_days_that_are_told_are_forgotten() -> None:
    """With the day after it a day's weather goes; what is over for good goes as well."""
    role = farm()
    role.handle(Received("iles", 1, bulletin(DAY.start, 0.5)), DAY.start)
    part = role.part(WeatherSeen)
    assert set(part.state.per_unit) == {FIRST, DAY.next().day}
    part.prune(DAY.next().day)
    assert set(part.state.per_unit) == {DAY.next().day}
