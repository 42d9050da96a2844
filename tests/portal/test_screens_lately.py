"""Pages over a long time: a month of what was told unless all is asked for, days whenever they were, and open alarms always."""

from __future__ import annotations

import asyncio
import html
from datetime import timedelta
from pathlib import Path

import pytest

from cim.platform import parquet_store
from cim.platform.parquet_store import ParquetStore
from cim.platform.publications.agreements import AssetsRegistered, ContractAgreed, RegisteredAsset
from cim.platform.publications.base import IspPower
from cim.platform.publications.grid import (
    FeedInAccounted,
    FeedInLimited,
    SafetyAnalysed,
    SafetyCaseFound,
    WorksDeclared,
)
from cim.platform.publications.measured import DeviceBack, DeviceLost
from cim.platform.publications.site import SiteDescribed, WatchedPoint
from cim.platform.publications.trading import OrderPlaced
from cim.platform.store import values
from portal.app import create_app
from portal.sources import PageSources
from tests.portal.test_screens_forecasts import shown
from tests.portal.test_screens_pages import DAY, TwoNodes
from tests.worlds.doubles import BEARER, NOON, TOKEN, FakeSite, client

AGO = timedelta(days=60)


def old_site() -> FakeSite:
    """A site that began a hundred days ago, with an order of two months ago and one of today."""
    made = FakeSite()
    point = WatchedPoint("ean.1", "line-1", 99.0)
    made.store.put("iles", SiteDescribed(NOON - timedelta(days=100), "strem", "UTC", 15, "dso.test", (), (point,)))
    for reference, ago in (("old", AGO), ("new", timedelta())):
        isps = (IspPower(41, -8_000, 4),)
        order = OrderPlaced(NOON - ago, reference, "dso.test", "east.test", "ean.1", DAY - ago, 100, "EUR", isps)
        made.store.put("dso", order)
    return made


@pytest.mark.parametrize("page", ["trading", "events"])
def test_a_month_is_shown_and_all_of_it_where_that_is_asked_for(tmp_path: Path, page: str) -> None:
    """The page says since when, and its link leads to the older order too; a young site's page says nothing of it."""
    made, path = old_site(), f"/dso/pages/{page}"
    month, whole = shown(made, tmp_path, path), shown(made, tmp_path, f"{path}?rows=all")
    assert "What was told since 2025-05-21" in month
    assert str(DAY - AGO) not in month
    assert str(DAY) in month
    assert "What was told since" not in whole
    assert str(DAY - AGO) in whole
    young = FakeSite()
    young.store.put("iles", SiteDescribed(NOON - timedelta(days=30), "strem", "UTC", 15, "dso.test", (), ()))
    assert "What was told since" not in shown(young, tmp_path, path)


def test_a_contracts_life_is_a_month_of_it_and_all_where_that_is_asked_for(tmp_path: Path) -> None:
    """Of two orders under a contract of a year the older is there with all; what was paid says of which time it is."""
    made = old_site()
    made.store.put(
        "dso",
        ContractAgreed(
            NOON - timedelta(days=99), "c-1", "dso.test", "east.test", (DAY - 2 * AGO), DAY + AGO, tuple(range(1, 8)), 0, 1440, 15,
            (), 5_000, -5_000, 1, "day", 4, 4, 100, 200, 300, "fixed", "EUR",
        ),
    )  # fmt: skip
    for reference, ago in (("under-old", AGO), ("under-new", timedelta())):
        order = OrderPlaced(
            NOON - ago,
            reference,
            "dso.test",
            "east.test",
            "ean.1",
            DAY - ago,
            100,
            "EUR",
            (IspPower(41, -8_000, 4),),
            "c-1",
        )
        made.store.put("dso", order)
    path = "/market/pages/contracts?contract=c-1"
    month, whole = shown(made, tmp_path, path), shown(made, tmp_path, f"{path}&rows=all")
    assert "under-new" in month
    assert "under-old" not in month
    assert "paid under it in the time shown" in month
    assert "under-old" in whole
    assert "in the time shown" not in whole


def test_cases_of_a_day_are_those_told_shortly_before(tmp_path: Path) -> None:
    """The day's cases of the evening before and of the day, the newest of each; another day's are not among them."""
    made = old_site()
    row = (("line-1",) * 96, (50.0,) * 96, ("n",) * 96, (1.0,) * 96, ())
    for ago, case, period in (
        (1, "first", DAY),
        (0, "first", DAY),
        (1, "second", DAY),
        (0, "third", DAY - timedelta(days=1)),
    ):
        made.store.put("dso", SafetyCaseFound(NOON - timedelta(days=ago), "ean.1", period, case, *row))
    words = shown(made, tmp_path, f"/dso/pages/points?day={DAY}")
    assert "Cases of 2025-06-21, each in its worst ISP (2)" in words
    assert "third" not in words


def test_a_connection_shows_what_it_was_told_in_the_time_shown(tmp_path: Path) -> None:
    """Of two limits the older is there where all is asked for; works that began before and go on are, whenever declared."""
    made, path = old_site(), "/dso/pages/connection?connection=farm-1"
    asset = RegisteredAsset("farm-1.pv", "pv", "farm-1", "ean.farm", "ean.1", 0, -20_000, True, True)
    made.store.put("farm-1", AssetsRegistered(NOON - timedelta(days=99), (asset,)))
    assert "It was never limited" in shown(made, tmp_path, f"{path}&rows=all")
    for ago, watts in ((AGO, -3_000), (timedelta(), -8_000)):
        made.store.put("dso", FeedInLimited(NOON - ago, "ean.farm", "ean.1", DAY - ago, 49, watts, NOON - ago))
        made.store.put("dso", FeedInAccounted(NOON - ago, "ean.farm", DAY - ago, 2_000, 0, 1_140))
    begin = NOON - AGO
    for number, end in (("past", begin + timedelta(hours=1)), ("lasting", NOON + timedelta(days=1))):
        declared = WorksDeclared(
            begin,
            number,
            "ean.1",
            begin,
            end,
            0,
            planned=True,
            state="declared",
            words=number,
            usage_points=("ean.farm",),
        )
        made.store.put("dso", declared)
    month, whole = shown(made, tmp_path, path), shown(made, tmp_path, f"{path}&rows=all")
    assert "8.0 kW" in month
    assert "3.0 kW" not in month
    assert "feed-in taken by limits 2.0 kWh" in month
    assert "lasting" in month
    assert "past" not in month
    assert "What was told since 2025-05-21" in month
    assert "feed-in taken by limits 4.0 kWh" in whole
    assert "3.0 kW" in whole
    assert "past" in whole


def test_all_of_a_connection_is_one_link_away(tmp_path: Path) -> None:
    """It leads to the same connection and day; and where nothing was told a page says of which time."""
    made = old_site()
    asset = RegisteredAsset("farm-1.pv", "pv", "farm-1", "ean.farm", "ean.1", 0, -20_000, True, True)
    made.store.put("farm-1", AssetsRegistered(NOON - timedelta(days=99), (asset,)))
    app = create_app(made, TOKEN, sources=PageSources(tmp_path / "readings", TwoNodes(), None, {}))

    async def asked() -> str:
        async with client(app) as caller:
            found = await caller.get(f"/dso/pages/connection?connection=ean.farm&day={DAY}", headers=BEARER)
            return html.unescape(found.text)

    text = asyncio.run(asked())
    assert f"?rows=all&connection=farm-1&day={DAY}" in text
    assert "It was not limited in the time shown." in text
    assert "No works have affected it in the time shown." in text


def test_a_device_that_was_lost_long_ago_is_still_an_open_alarm(tmp_path: Path) -> None:
    """Lost two months ago and not back: open on the page of alarms, counted on the wall display, not among the last 24 hours."""
    made = old_site()
    made.store.put("farm-1", DeviceLost(NOON - AGO, "farm-1.pv", "no answer"))
    made.store.put("farm-2", DeviceLost(NOON - AGO, "farm-2.pv", "no answer"))
    made.store.put("farm-2", DeviceBack(NOON - timedelta(days=59), "farm-2.pv"))
    alarms = shown(made, tmp_path, "/dso/pages/alarms")
    assert "open now 1 " in alarms
    assert "farm-1.pv: no answer" in alarms
    assert "farm-2.pv" not in alarms
    assert "farm-2.pv" in shown(made, tmp_path, "/dso/pages/alarms?rows=all")
    now = shown(made, tmp_path, "/dso/pages/now")
    assert "devices lost 1 " in now
    assert "farm-1.pv" not in now


def test_a_day_long_ago_is_shown_as_it_was(tmp_path: Path) -> None:
    """An analysis of two months ago is the one of its day, by the last that was told of it."""
    made = old_site()
    for loading in (70.0, 80.0):
        told = SafetyAnalysed(NOON - AGO, "ean.1", DAY - AGO, (0,) * 96, (loading,) * 96)
        made.store.put("dso", told)
    words = shown(made, tmp_path, f"/dso/pages/points?day={DAY - AGO}")
    assert "line-1 99.0 80.0 0 0.0" in words


def test_a_store_keeps_no_more_rows_in_memory_than_it_may(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ten parts of two rows, five rows allowed: all are read whenever they are asked for, at most five stay, or a part alone."""
    monkeypatch.setattr(parquet_store, "PART", 2)
    monkeypatch.setattr(parquet_store, "_CACHED", 5)
    store = ParquetStore(tmp_path)
    for number in range(20):
        store.put("farm-1", DeviceBack(NOON + timedelta(minutes=number), "farm-1.pv"))
    for _ in range(2):
        assert len(values(store, DeviceBack)) == 20
        assert store._cached == sum(map(len, store._cache.values())) <= 5
    monkeypatch.setattr(parquet_store, "_CACHED", 1)
    assert len(values(store, DeviceBack)) == 20
    assert len(store._cache) == 1
    store.close()
