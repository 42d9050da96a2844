"""An island and a community on their pages: what was told of them, each member's bill to itself alone, and what would fill them."""

from __future__ import annotations

import asyncio
import re
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import httpx
import numpy as np

from cim.model.intervals import LocalDay
from cim.platform.access.principals import Role
from cim.platform.publications.base import IspPower, Publication
from cim.platform.publications.community import CommunityBilled, CommunityLine, CommunityRegister, MemberBilled
from cim.platform.publications.island import IslandLed, IslandStage, IslandState
from cim.platform.publications.trading import OrderPlaced, PrognosisTaken
from portal.app import create_app
from portal.screens.delivery import so_far
from portal.sources import PageSources
from tests.portal.test_screens_asked import Known, seen
from tests.portal.test_screens_pages import DAY, OWNER, TwoNodes, site
from tests.worlds.doubles import BEARER, NOON, TOKEN, client

MINUTE = timedelta(minutes=1)
STRANGER = {"Authorization": f"Bearer {'e' * 43}"}


def shown(folder: Path, path: str, *told: Publication, headers: dict[str, str] = BEARER) -> str:
    """A page's words."""
    made = site()
    for one in told:
        made.store.put("iles", one)
    app = create_app(
        made,
        TOKEN,
        parties={"p" * 43: "farm-1.test", "e" * 43: "east.test"},
        roles={"farm-1.test": Role.PROSUMER, "east.test": Role.AGGREGATOR},
        sources=PageSources(folder / "readings", TwoNodes(), None, {}),
    )

    async def asked() -> httpx.Response:
        async with client(app) as caller:
            return await caller.get(path, headers=headers)

    answer = asyncio.run(asked())
    assert answer.status_code == 200, answer.text
    return " ".join(re.sub(r"<[^>]+>", " ", answer.text.partition("<main")[2]).split())


STAGES = (
    IslandStage("stage-1", "Care centre", True, True, True, 10_000),
    IslandStage("stage-2", "Industry", False, False, False, 0),
)
ARMED = IslandLed(NOON, IslandState.ARMED.value, None, 100_000, 96_000, 60_000, 120, 0, 0, 5_000,
                  tuple(replace(one, connected=True) for one in STAGES))  # fmt: skip
LOST = replace(
    ARMED, at=NOON + MINUTE, state=IslandState.SEPARATED.value, lost_at=NOON, stages=STAGES, usable_wh=50_000
)
DARK = replace(LOST, at=NOON + 5 * MINUTE, state=IslandState.DARK.value)
JOINED = replace(LOST, at=NOON + 31 * MINUTE, state=IslandState.JOINED.value)


def test_an_island_is_seen_from_the_loss_of_mains_to_their_return(tmp_path: Path) -> None:
    """While it lasts: how long already, a reserve that is not there any more, what is shed; afterwards how long it was."""
    words = shown(tmp_path, "/dso/pages/island", ARMED, LOST)
    assert "state island" in words
    assert "mains lost (local) 2025-06-21 12:00" in words
    assert "without mains so far 1.0 min" in words
    assert "stored, usable 50.0 kWh reserve for what is promised 60.0 kWh an outage may last 120 min more" in words
    assert "2 Industry no shed shed 0.0" in words
    assert "times dark 0" in words
    over = shown(tmp_path, "/dso/pages/island", ARMED, LOST, DARK, JOINED)
    assert "state resynchronised" in over
    assert "without mains 31.0 min" in over
    assert "times dark 1" in over
    assert "reserve for what is promised" not in over


def test_one_island_after_the_other_can_be_chosen(tmp_path: Path) -> None:
    """The last is shown; the first by its beginning."""
    later = replace(ARMED, at=NOON + 120 * MINUTE, usable_wh=1_000)
    told = (ARMED, LOST, JOINED, later)
    assert "stored, usable 1.0 kWh" in shown(tmp_path, "/dso/pages/island", *told)
    first = shown(tmp_path, f"/dso/pages/island?island={NOON.isoformat().replace('+', '%2B')}", *told)
    assert "without mains 31.0 min" in first


REGISTERS = (CommunityRegister("1-1:2.9.0 G.03", "Own cover", 4_000),)
LINES = (CommunityLine("Energy of the community", "community", 4_000, 3_600),)
BILLED = CommunityBilled(
    NOON, "EEG", "Austria", DAY, DAY, "EUR", 2, 10_000, 25_000, REGISTERS, (), ("It is no invoice.",)
)
MINE = MemberBilled(
    NOON, "EEG", "Austria", DAY, DAY, "farm-1", "Farm one", "EUR", REGISTERS, LINES, 3_600, 8_600, ("A note.",)
)
OTHERS = replace(MINE, member="farm-2", title="Farm two", total_e4=6_400, without_e4=16_400)


def test_a_community_s_bills_are_seen_by_whoever_they_are_of(tmp_path: Path) -> None:
    """The operator sees all, a member its own with lines and registers, a stranger what sharing brought all together."""
    told = (BILLED, MINE, OTHERS)
    every = shown(tmp_path, "/market/pages/community", *told)
    assert "sharing saves them 1.50 EUR" in every
    assert "Farm one 0.36 EUR 0.86 EUR 0.50 EUR" in every
    assert "Farm two 0.64 EUR 1.64 EUR 1.00 EUR" in every
    assert "It is no invoice." in every
    own = shown(tmp_path, "/market/pages/community", *told, headers=OWNER)
    assert "Bill of Farm one" in own
    assert "Energy of the community community 4.0 0.36 EUR" in own
    assert "A note." in own
    assert "Farm two" not in own
    asked = shown(tmp_path, "/market/pages/community?member=farm-2", *told, headers=OWNER)
    assert "Farm two" not in asked
    other = shown(tmp_path, "/market/pages/community", *told, headers=STRANGER)
    assert "sharing saves them 1.50 EUR" in other
    assert "Farm one" not in other
    assert "You are no member" in other


def test_bills_that_are_made_again_take_the_place_of_the_first(tmp_path: Path) -> None:
    """Of the same days and member the last counts."""
    again = replace(MINE, at=NOON + MINUTE, total_e4=3_000)
    words = shown(tmp_path, "/market/pages/community", BILLED, MINE, replace(BILLED, at=NOON + MINUTE), again)
    assert "Farm one 0.30 EUR" in words
    assert "0.36 EUR 0.86 EUR" not in words


def test_what_would_fill_the_pages_is_said(tmp_path: Path) -> None:
    """In a sentence with the command."""
    assert "iles island SITE --at" in shown(tmp_path, "/dso/pages/island")
    assert "iles community bills DIR" in shown(tmp_path, "/market/pages/community")


# ---- what was delivered so far -------------------------------------------------------------------------------------------


def order(reference: str, at: datetime, first: int, power_w: int, count: int = 1) -> OrderPlaced:
    """Of one seller at the point."""
    return OrderPlaced(
        at, reference, "dso.test", "east.test", "ean.1", DAY, 100, "EUR", (IspPower(first, power_w, count),)
    )


def test_delivery_is_counted_by_the_meters_against_what_was_foretold_when_it_was_ordered() -> None:
    """Foretold −10 kW, ordered +4 kW in ISPs 41 to 43 (10:00 local on): metered −6 is whole, −8 half, +9 no more than whole; a
    prognosis of afterwards does not count, nor what is still to come."""
    day, nothing = LocalDay(DAY, "Europe/Vienna"), np.full(96, np.nan)
    nothing[:48] = -10_000
    nothing[40:43] = [-6_000, -8_000, 9_000]
    before, after = NOON - timedelta(hours=8), NOON - timedelta(hours=3)
    told = PrognosisTaken(before - MINUTE, "p-1", "east.test", "ean.1", DAY, 1, (-10_000,) * 96)
    later = PrognosisTaken(after, "p-2", "east.test", "ean.1", DAY, 2, (-6_000,) * 96)
    orders = [order("o-1", before, 41, 4_000, 3), order("o-2", after, 80, 5_000)]
    made = seen(told, later, measured=Known({DAY: {"farm-1.meter": nothing}}), grid=TwoNodes())
    found = so_far(made, orders, day)["ean.1"]
    assert found.ordered_w[[40, 41, 42, 79]].tolist() == [4_000, 4_000, 4_000, 5_000]
    assert found.delivered_w[40:43].tolist() == [4_000, 2_000, 4_000]
    assert found.short_w[40:43].tolist() == [0, 2_000, 0]
    assert np.isnan(found.delivered_w[[39, 79]]).all()


def test_less_consumption_is_delivered_with_its_own_sign() -> None:
    """Ordered −4 kW of 10: metered 7 is three of four, metered 12 nothing and a shortfall beyond the order."""
    row = np.full(96, 10_000.0)
    row[40:42] = [7_000, 12_000]
    told = PrognosisTaken(NOON - timedelta(hours=9), "p-1", "east.test", "ean.1", DAY, 1, (10_000,) * 96)
    made = seen(told, measured=Known({DAY: {"farm-1.meter": row}}), grid=TwoNodes())
    found = so_far(made, [order("o", NOON - timedelta(hours=8), 41, -4_000, 2)], LocalDay(DAY, "Europe/Vienna"))[
        "ean.1"
    ]
    assert found.delivered_w[40:42].tolist() == [-3_000, 0]
    assert found.short_w[40:42].tolist() == [1_000, 6_000]


def test_without_a_network_or_a_prognosis_nothing_is_said() -> None:
    """Nothing is made up."""
    day, one = LocalDay(DAY, "Europe/Vienna"), order("o", NOON, 41, 1_000)
    assert so_far(seen(), [one], day) == {}
    assert so_far(seen(measured=Known({}), grid=TwoNodes()), [one], day) == {}


def test_the_events_page_has_what_came_so_far(tmp_path: Path) -> None:
    """Its section stands on the page of a day that is not settled."""
    words = shown(tmp_path, "/dso/pages/events", order("o-1", NOON, 60, 4_000))
    assert f"So far on {DAY}, by the meters" in words
    assert "the feeder 1.0 0.0 0.0 0.0 –" in words
