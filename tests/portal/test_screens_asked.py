"""What an operator reads of what it asked for, of meters that seem silent, of a degraded site: plain words, local time."""

from __future__ import annotations

import asyncio
import re
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import httpx
import numpy as np
import pytest

from cim.model.arrays import Floats
from cim.model.intervals import LocalDay
from cim.platform.access.principals import Role
from cim.platform.memory_store import MemoryStore
from cim.platform.publications.agreements import AssetsRegistered, RegisteredAsset
from cim.platform.publications.grid import SafetyAnalysed, SafetyCaseFound
from cim.platform.publications.site import SiteDescribed, WatchedPoint
from cim.platform.publications.trading import PrognosisTaken
from portal.app import create_app
from portal.models import Status
from portal.screens.asked import Fields, asked_words, in_local_time
from portal.screens.grid_day import grid_day
from portal.screens.measured import DayMeasured, LastReading, Measured
from portal.screens.operation import amiss
from portal.screens.quality import Freshness
from portal.screens.safety_cases import bands, cases_section
from portal.screens.seen import Seen, Visitor
from portal.sources import PageSources
from tests.portal.test_screens_pages import DAY, TwoNodes, site
from tests.worlds.doubles import BEARER, NOON, TOKEN, client, healthy

VIENNA = SiteDescribed(NOON - timedelta(hours=12), "strem", "Europe/Vienna", 15, "dso.test", (), ())


class Known(Measured):
    """What was measured, told by a test."""

    def __init__(self, days: dict[date, dict[str, Floats]]) -> None:
        super().__init__(Path("nowhere"))
        self.days = days

    def day(self, day: LocalDay, now: datetime) -> DayMeasured:
        """As told; nothing else."""
        net = dict(self.days.get(day.day, {}))
        return DayMeasured(net, {}, {}, now)


def seen(*told: object, measured: Measured | None = None, grid: object = None) -> Seen:
    """A site in Vienna at noon (UTC) as pages see it."""
    store = MemoryStore(keep_readings=False)
    for one in (VIENNA, *told):
        store.put("iles", one)  # type: ignore[arg-type]
    health = healthy().model_copy(update={"now": NOON})
    sources = PageSources(Path("nowhere"), grid, None)  # type: ignore[arg-type]
    visitor = Visitor("ada", "operator", Role.DSO, None)
    return Seen(store, health, sources, measured or Known({}), visitor, {})


def test_what_was_asked_for_is_read_as_people_say_it() -> None:
    """ISPs by the local clock, watts as kilowatts with their sign, instants in local time, a reference by its beginning."""
    flexibility: Fields = {"point": "ean.1", "period": "2025-06-21", "first_isp": 49, "last_isp": 52, "power_w": -10_000,
                   "choose_until": "2025-06-21T10:00:00+00:00"}  # fmt: skip
    words = asked_words(seen(), flexibility)
    assert words == "ean.1, 2025-06-21 12:00–13:00, −10.0 kW, you choose until 2025-06-21 12:00"
    order: Fields = {"offer": "64eb36ed-8855-4d9c-a93a-29b973e11d2b", "option": "2568b466-5a5f-4ba0-81fa-cb115540ed6b/25",
             "factor_pct": 60}  # fmt: skip
    assert asked_words(seen(), order) == "offer 64eb36ed…, option 2568b466…/25, 60 %"
    limit: Fields = {"point": "ean.1", "consumption_pct": 0, "until": None, "planned": False, "words": "a joint"}
    assert asked_words(seen(), limit) == "ean.1, consumption at most 0 %, not planned, a joint"


def test_the_day_on_which_clocks_change_is_read_by_the_clock() -> None:
    """The ninth quarter-hour of 30 March 2025 begins at 03:00: there is no 02:00 on that day."""
    asked: Fields = {"period": "2025-03-30", "first_isp": 9, "last_isp": 92}
    assert asked_words(seen(), asked) == "2025-03-30 03:00–00:00"


@pytest.mark.parametrize(
    ("words", "shown"),
    [
        ("stands until 2025-06-21T10:00:00+00:00, for you", "stands until 2025-06-21 12:00, for you"),
        ("from 2025-12-21T23:30:15.000001Z on", "from 2025-12-22 00:30 on"),
        ("2025-06-21 is settled", "2025-06-21 is settled"),
        ("2025-99-21T10:00:00Z", "2025-99-21T10:00:00Z"),
    ],
)
def test_instants_in_an_agent_s_sentence_are_in_local_time(words: str, shown: str) -> None:
    """Days stay days, and what is no instant stays as it is."""
    assert in_local_time(seen(), words) == shown


def test_places_are_read_in_words_wherever_an_agent_names_them() -> None:
    """A connection's and a point's address by their titles, in whatever sentence; what is unknown or no address stays."""
    ean, point = "ean.290000000000000012", "ea1.2016-01.at.strem:lv-rural1"
    grid = TwoNodes()
    grid.drawing = replace(TwoNodes.drawing, titles={ean: "Farm 1", point: "Low-voltage grid"})  # type: ignore[misc]
    made = seen(grid=grid)
    assert made.titled(f"meter of {ean} lost, 10 %") == "meter of Farm 1 lost, 10 %"
    assert made.titled(f"agr-east at {point}, 4 ISPs") == "agr-east at Low-voltage grid, 4 ISPs"
    assert made.titled("ean.290000000000000099 and pean.1") == "ean.290000000000000099 and pean.1"


POINT = WatchedPoint("ean.1", "line-1", 99.0)


def case(hours_ago: int, words: str, loading_pct: float, branch: str = "line-1") -> SafetyCaseFound:
    """A case of today in which a branch is loaded so much all day, but in the first ISP another."""
    names = ("line-2", *(branch,) * 95)
    at, ones = NOON - timedelta(hours=hours_ago), (1.0,) * 96
    return SafetyCaseFound(at, "ean.1", DAY, words, names, (loading_pct,) * 96, ("n",) * 96, ones, ())


def test_a_point_s_loading_has_the_band_of_the_forecasts_as_it_was_tried_last() -> None:
    """10 % and 90 % with nothing lost, the newer of two, with when it was; gaps where another branch was loaded more."""
    told = [
        case(9, "nothing lost, 10 %", 80.0),
        case(3, "nothing lost, 10 %", 155.0),
        case(3, "nothing lost, 90 %", 130.0),
        case(3, "meter lost, 10 %", 200.0),
    ]
    low, high = bands(seen(*told), POINT)
    assert (low.name, high.name) == ("forecasts at 10 %, 21 Jun 11:00", "forecasts at 90 %, 21 Jun 11:00")
    assert (low.values[1], high.values[1]) == (155.0, 130.0)
    assert np.isnan(low.values[0])
    assert bands(seen(), POINT) == []


def test_cases_say_when_they_were_tried_and_that_what_is_expected_is_newer() -> None:
    """Tried at 05:00, analysed again at 11:00: both are said; tried last, only that."""
    tried = case(9, "nothing lost, expected", 61.7)
    newer = SafetyAnalysed(NOON - timedelta(hours=3), "ean.1", DAY, (0,) * 96, (145.0,) * 96)
    words = cases_section(seen(tried, newer), POINT)
    assert "foretold at 2025-06-21 05:00 (local)" in words
    assert "What is expected above is of 2025-06-21 11:00, so the two may differ." in words
    older = replace(newer, at=NOON - timedelta(hours=10))
    assert "may differ" not in cases_section(seen(tried, older), POINT)


def read(meter: str, minutes: float | None) -> LastReading:
    """A meter whose last good reading is so many minutes old at noon."""
    return LastReading(meter, meter, None if minutes is None else NOON - timedelta(minutes=minutes), 1.0)


def test_meters_are_stale_beside_others_and_a_late_platform_is_said() -> None:
    """One is silent for an hour: stale. All are an hour old: none of them is, and the platform is late."""
    some = Freshness((read("a", 5), read("b", 60), read("c", None)), NOON - timedelta(minutes=5), timedelta(minutes=5))
    assert some.stale == ["b", "c"]
    assert not some.late
    late = Freshness((read("a", 70), read("b", 72)), NOON - timedelta(minutes=70), timedelta(minutes=70))
    assert late.stale == []
    assert late.late


def test_a_degraded_site_says_why() -> None:
    """Agents that do not answer, devices with a fault; of a healthy one nothing."""
    well = healthy()
    assert amiss(well.model_copy(update={"agents": (), "failed_events": ()})) == ""
    assert amiss(well.model_copy(update={"agents": ()})) == "1 messages failed"
    agent = well.agents[0].model_copy(update={"alive": True, "device_fault": None, "device": "pv"})
    ill = [agent.model_copy(update={"alive": False}), agent.model_copy(update={"device_fault": "no answer"}), agent]
    words = amiss(well.model_copy(update={"agents": tuple(ill), "status": Status.DEGRADED, "failed_events": ()}))
    assert words == "1 of 3 agents have not answered just now; devices with a fault: pv"


class TwoHomes(TwoNodes):
    """A CHP plant and a field of panels behind one line."""

    drawing = TwoNodes.drawing.__class__(
        **{
            **{name: getattr(TwoNodes.drawing, name) for name in TwoNodes.drawing.__dataclass_fields__},
            "node_of": {"chp": "end", "field": "end"},
            "points_of": {"chp": ("ean.1",), "field": ("ean.1",)},
            "meter_of": {"chp": "chp.meter", "field": "field.meter"},
        }
    )

    def flow(self, power_w, reactive_var, more_w=None):  # type: ignore[no-untyped-def]
        """Of both."""
        return super().flow({"farm-1": power_w["chp"] + power_w["field"]}, reactive_var)


def test_on_the_first_day_what_is_expected_goes_where_it_can_come_from() -> None:
    """The CHP plant has run at 450 kW since midnight and the panels slept; a prognosis of 1,450 kW fed in at noon is then 450 kW
    of the plant and 1,000 kW of the panels, not half and half."""
    today = LocalDay(DAY, "Europe/Vienna")
    morning = np.full(96, np.nan)
    morning[:20] = -450_000
    night = np.where(np.isfinite(morning), 0.0, np.nan)
    assets = tuple(
        RegisteredAsset(name, kind, "x", "x", "ean.1", 0, -watts, True, True)
        for name, kind, watts in (("chp.unit", "chp", 500_000), ("field.pv", "pv", 1_500_000))
    )
    told = PrognosisTaken(NOON - timedelta(hours=11), "p", "east.test", "ean.1", DAY, 1, (-1_450_000,) * 96)
    measured = Known({DAY: {"chp.meter": morning, "field.meter": night}})
    found = grid_day(seen(told, AssetsRegistered(NOON, assets), measured=measured, grid=TwoHomes()), TwoHomes(), today)
    noon = int((NOON - today.start) / timedelta(minutes=15)) + 4
    assert found.power_w["chp"][noon] == pytest.approx(-450_000, rel=0.001)
    assert found.power_w["field"][noon] == pytest.approx(-1_000_000, rel=0.001)


def test_the_page_knows_the_site_s_zone(tmp_path: Path) -> None:
    """The clock beside "live" is the site's: its zone stands in the page."""
    app = create_app(site(), TOKEN, sources=PageSources(tmp_path / "readings", TwoNodes(), None, {}))

    async def asked() -> httpx.Response:
        async with client(app) as caller:
            return await caller.get("/dso/pages/now", headers=BEARER)

    found = re.search(r'<body data-zone="([^"]+)"', asyncio.run(asked()).text)
    assert found
    assert ZoneInfo(found[1])
    assert NOON.tzinfo is UTC
