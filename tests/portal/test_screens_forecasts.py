"""What was forecast and came, one connection, and a point day by day: pages that say what the store holds, and no more."""

from __future__ import annotations

import asyncio
import re
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import httpx
import pytest

from cim.platform.publications.agreements import AssetsRegistered, RegisteredAsset, UnitMoved, UnitsMoved
from cim.platform.publications.base import IspPower
from cim.platform.publications.grid import (
    ConsumptionHeldBack,
    ConsumptionLimited,
    ExchangeBand,
    FeedInAccounted,
    FeedInLimited,
    PrognosisReplaced,
    SellerJudged,
)
from cim.platform.publications.settlement import BaselineChecked, SettledIsp, SettledOrder, SettlementTold
from cim.platform.publications.trading import OrderPlaced, OrderRefused
from portal.app import create_app
from portal.sources import PageSources
from tests.portal.test_screens_pages import DAY, TwoNodes, site
from tests.worlds.doubles import BEARER, NOON, TOKEN, FakeSite, client

HOUR = timedelta(hours=1)
BEFORE = NOON.replace(hour=0) - HOUR


def shown(made: FakeSite, folder: Path, path: str, status: int = 200) -> str:
    """A page's words."""
    app = create_app(made, TOKEN, sources=PageSources(folder / "readings", TwoNodes(), None, {}))

    async def asked() -> httpx.Response:
        async with client(app) as caller:
            return await caller.get(path, headers=BEARER)

    answer = asyncio.run(asked())
    assert answer.status_code == status
    found = re.sub(r"<script type=\"application/json\".*?</script>", " ", answer.text, flags=re.S)
    return " ".join(re.sub(r"<[^>]+>", " ", found).split())


# ---- forecasts -----------------------------------------------------------------------------------------------------------


def band(at_w: int) -> ExchangeBand:
    """10 kW to either side of a median."""
    return ExchangeBand(BEFORE, DAY, (at_w - 10_000,) * 96, (at_w,) * 96, (at_w + 10_000,) * 96)


def test_the_band_that_was_told_before_the_day_counts(tmp_path: Path) -> None:
    """Told twice the evening before and once at noon: the later of the two; 20 kW wide, and when it was told."""
    made = site()
    made.store.put("iles", band(50_000))
    made.store.put("iles", replace(band(100_000), high_w=(120_000,) * 96))
    made.store.put("iles", replace(band(0), at=NOON))
    words = shown(made, tmp_path, f"/dso/pages/forecasts?day={DAY}")
    assert "2025-06-20 23:00" in words
    assert "mean width, 10 to 90 % 30.0 kW" in words
    young = shown(site(), tmp_path, f"/dso/pages/forecasts?day={DAY}")
    assert f"Nobody has foretold the exchange of {DAY} in quantiles" in young


def check(period: date, deviation_w: int, unknown: tuple[int, ...] = (), revision: int = 1) -> BaselineChecked:
    """A seller's baseline of 10 kW at the point, metered so much above it in all known ISPs."""
    off = tuple(0 if isp in unknown else deviation_w for isp in range(1, 97))
    actual = tuple(10_000 + watts for watts in off)
    return BaselineChecked(
        NOON, "dso.test", "east.test", "ean.1", period, revision, (10_000,) * 96, actual, off, unknown
    )


def test_baselines_are_compared_without_what_nobody_knows(tmp_path: Path) -> None:
    """Of a day its last revision, 2 kW above in all but one ISP; over two days 0 on average and 2 kW away; a home's is not here."""
    made = site()
    for one in (
        check(DAY, 9_000),
        check(DAY, 2_000, (5,), 2),
        replace(check(DAY - timedelta(days=1), -2_000, (7,)), at=NOON - HOUR),
        replace(check(DAY, 5_000), place="ean.home", seller="home.test"),
    ):
        made.store.put("dso", one)
    words = shown(made, tmp_path, f"/dso/pages/forecasts?day={DAY}")
    assert "east.test the feeder 2.0 2.0 2.0 1" in words
    assert "east.test the feeder 2 0.0 2.0 10.0" in words
    assert "home.test" not in words


def test_judged_sellers_and_replaced_prognoses_are_named(tmp_path: Path) -> None:
    """The newest judgement of a seller, and the DSO's own prognosis of 48 kWh in place of the second revision."""
    made = site()
    made.store.put("dso", SellerJudged(NOON - HOUR, "east.test", DAY, False, 5_000, 5_000))
    made.store.put("dso", SellerJudged(NOON, "east.test", DAY, True, 9_000, 5_000))
    made.store.put("dso", PrognosisReplaced(NOON, "east.test", "ean.1", DAY, 2, (2_000,) * 96))
    words = shown(made, tmp_path, f"/dso/pages/forecasts?day={DAY}")
    assert f"east.test {DAY} 9.0 5.0 overstates feed-in" in words
    assert "no more" not in words
    assert f"east.test the feeder {DAY} 2 48.0" in words


# ---- one connection ------------------------------------------------------------------------------------------------------


def registered() -> FakeSite:
    """A farm whose PV and battery are registered, and a neighbour's plant."""
    made = site()
    rows = (("farm-1.pv", 0, -20_000), ("farm-1.battery", 5_000, -5_000))
    assets = tuple(
        RegisteredAsset(name, name.partition(".")[2], "farm-1", "ean.farm", "ean.1", most, least, True, True)
        for name, most, least in rows
    )
    made.store.put("farm-1", AssetsRegistered(BEFORE, assets))
    other = RegisteredAsset("farm-2.pv", "pv", "farm-2", "ean.other", "ean.1", 0, -9_000, True, True)
    made.store.put("farm-2", AssetsRegistered(BEFORE, (other,)))
    moved = UnitMoved("farm-1.pv", "congestion", "limit", "limited", "east.test", "ean.1", "cable")
    made.store.put("iles", UnitsMoved(BEFORE, "dso.test", (moved,)))
    return made


def test_a_connection_shows_what_is_registered_and_what_the_dso_told_it(tmp_path: Path) -> None:
    """Its own two units, a limit of feed-in with what it took and paid, a limit of consumption with what it expected to lose."""
    made = registered()
    made.store.put("dso", FeedInLimited(NOON, "ean.farm", "ean.1", DAY, 49, -8_000, NOON + HOUR))
    made.store.put("dso", FeedInLimited(NOON, "ean.other", "ean.1", DAY, 49, -3_000, NOON + HOUR))
    made.store.put("dso", FeedInAccounted(NOON, "ean.farm", DAY, 2_000, 0, 1_140))
    made.store.put(
        "dso", ConsumptionLimited(NOON - HOUR, "n-1", "ean.1", 50, NOON + HOUR, ("ean.farm", "ean.other"), 0)
    )
    made.store.put("farm-1", ConsumptionHeldBack(NOON - HOUR, "n-1", "ean.farm", 1, 1_500, 0))
    made.store.put("farm-2", ConsumptionHeldBack(NOON - HOUR, "n-1", "ean.other", 1, 7_700, 0))
    words = shown(made, tmp_path, f"/dso/pages/connection?connection=farm-1&day={DAY}")
    assert "farm-1.pv pv 0.0 20.0 limited" in words
    assert "farm-1.battery battery 5.0 5.0" in words
    assert "farm-2" not in words.partition("Registered there")[2]
    assert "feed-in taken by limits 2.0 kWh" in words
    assert "8.0 kW" in words
    assert "3.0 kW" not in words
    assert "50 % of each device&#x27;s rating 2025-06-21 13:00 1.5" in words
    assert "7.7" not in words


def test_a_connection_shows_no_device_of_its_owner_and_its_voltage(tmp_path: Path) -> None:
    """150 kW foretold: 0.85 pu at its node by the power flow; and the meter's course alone."""
    made = registered()
    app = create_app(made, TOKEN, sources=PageSources(tmp_path / "readings", TwoNodes(), None, {}))

    async def asked() -> str:
        async with client(app) as caller:
            return (await caller.get(f"/dso/pages/connection?day={DAY}", headers=BEARER)).text

    text = asyncio.run(asked())
    charts = re.findall(r'data-chart="([^"]+)"', text)
    assert charts == ["chart-connection-power", "chart-connection-voltage"]
    data = re.search(r'id="chart-connection-voltage">(.*?)</script>', text)
    assert data is not None
    assert '"values": [null' in data[1] or "0.85" in data[1]
    assert "0.85" in data[1]


def test_a_connection_is_found_by_its_market_address(tmp_path: Path) -> None:
    """As the market's messages name it, without knowing what the site calls it; a neighbour's address is the neighbour's."""
    by_name, by_address = (
        shown(registered(), tmp_path, f"/dso/pages/connection?connection={asked}&day={DAY}")
        for asked in ("farm-1", "ean.farm")
    )
    assert by_address == by_name
    assert "farm-1.pv pv 0.0 20.0 limited" in by_address
    words = shown(registered(), tmp_path, "/dso/pages/connection?connection=ean.nobody", 422)
    assert "connection: " in words
    assert "expected its name or its market address" in words


@pytest.mark.parametrize("query", ["connection=nobody", "connection=", "day=never"])
def test_a_connection_that_is_none_is_refused(tmp_path: Path, query: str) -> None:
    """422 with the field's name."""
    assert f"{query.partition('=')[0]}: " in shown(site(), tmp_path, f"/dso/pages/connection?{query}", 422)


# ---- a point day by day --------------------------------------------------------------------------------------------------


def order(reference: str, period: date, power_w: int, buyer: str = "dso.test") -> OrderPlaced:
    """An order of four ISPs."""
    isps = (IspPower(41, power_w, 4),)
    return OrderPlaced(NOON, reference, buyer, "east.test", "ean.1", period, 100, "EUR", isps)


def test_a_point_day_by_day_counts_what_was_ordered_delivered_and_limited(tmp_path: Path) -> None:
    """8 kW for an hour ordered, 6 delivered by the last revision, 2 kWh limited; neither refused orders nor another's count."""
    made, before = site(), DAY - timedelta(days=1)
    for one in (order("o-1", before, -8_000), order("o-2", before, 5_000), order("o-3", before, 900, "east.test")):
        made.store.put("dso", one)
    made.store.put("east", OrderRefused(NOON, "o-2", "east", "no"))
    for revision, delivered_w in ((1, -8_000), (2, -6_000)):
        row = SettledIsp(41, 0, -8_000, 0, delivered_w, 0, 4)
        settled = SettledOrder("o-1", "ean.1", before, 1, 0, 1, (row,))
        told = SettlementTold(
            NOON, f"s-{revision}", "dso.test", "east.test", before, before, revision, "EUR", (settled,)
        )
        made.store.put("dso", told)
    made.store.put("dso", FeedInLimited(NOON, "ean.farm", "ean.1", before, 49, -8_000, NOON))
    made.store.put("dso", FeedInAccounted(NOON, "ean.farm", before, 2_000, 0, 1_140))
    made.store.put("dso", FeedInAccounted(NOON, "ean.other", before, 9_000, 0, 1_140))  # for another point's sake
    words = shown(made, tmp_path, f"/dso/pages/points?day={DAY}")
    days = words[words.index("Day by day") :]
    assert f"{DAY} 150.0 96 1,200.0 – – –" in days
    assert f"{before} – – – 8.0 6.0 2.0" in days
