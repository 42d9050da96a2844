"""What the DSO's engineers ask for by hand: flexibility is asked for once beside the grid's need, an emergency limits at once."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from agents.roles.dso import DsoRole
from agents.roles.dso.curtailment import LimitFeedIn
from agents.roles.dso.outside_requests import OutsideRequests
from agents.roles.effects import Arm, Compute, Effect
from agents.roles.events import Fired, Received
from agents.roles.grid_messages import FeedInLimit, PlantStateAsked, PlantStateTold
from agents.roles.part import MOMENT
from cim.platform.mailbox.requests import MAILBOX, FlexibilityWanted, PointLimitWanted, RequestAnswered
from market.rules import Control
from market.uftp import Disposition, FlexRequest
from tests.roles import test_roles_feed_in as feed_in
from tests.roles.test_roles_dso import analysed, hear_all, of
from tests.worlds import players
from tests.worlds.players import AHEAD, DAY, FIRST, NOON, POINT, UPPER, dso

WANTED = FlexibilityWanted("number-1", "ada", POINT, FIRST, 60, 62, 5000)
LIMIT = PointLimitWanted("number-2", "ada", POINT, 25, NOON + timedelta(minutes=20))


def asked(role: DsoRole, message: Any, now: datetime = AHEAD, sender: str = MAILBOX) -> list[Effect]:
    """What the DSO wants when it is asked something."""
    return role.handle(Received(sender, 1, message), now)


def answer(effects: list[Effect]) -> RequestAnswered:
    """Its one answer."""
    (told,) = of(effects, RequestAnswered)
    assert isinstance(told, RequestAnswered)
    return told


def settled_round() -> DsoRole:
    """A DSO with everybody's prognoses and nothing to do."""
    role = dso()
    hear_all(role)
    analysed(role, {})
    analysed(role, {})
    return role


def wanted_rows(effects: list[Effect]) -> dict[tuple[str, str], dict[int, tuple[int, int]]]:
    """By recipient and point: the ISPs of the requests in which something is wanted, and between which powers."""
    return {
        (request.header.recipient_domain, request.congestion_point): {
            row.start: (row.min_power_w, row.max_power_w)
            for row in request.isps
            if row.disposition is Disposition.REQUESTED
        }
        for request in of(effects, FlexRequest)
    }


def test_sellers_are_asked_for_what_is_wanted_once() -> None:
    """An analysis begins at once; then both sellers are asked for 5 kW in three ISPs; the next round asks for nothing."""
    role = settled_round()
    effects = asked(role, WANTED)
    assert answer(effects) == RequestAnswered("number-1", True, "agr, agr-2 will be asked in the round that begins now")
    assert [job.job for job in of(effects, Compute)] == ["safety"]
    rows = wanted_rows(analysed(role, {}))
    assert set(rows) == {("agr.example", POINT), ("agr-2.example", POINT)}
    assert all(list(one) == [60, 61, 62] and {low for low, _ in one.values()} == {5000} for one in rows.values())
    role = settled_round()
    assert wanted_rows(analysed(role, {})) == {}


@pytest.mark.parametrize(("need_w", "asked_w"), [(8000.0, 8000), (2000.0, 5000), (-3000.0, -3000)])
def test_the_grids_need_comes_first(need_w: float, asked_w: int) -> None:
    """Where the grid needs more, that is asked for; where it needs the contrary, what is wanted is left."""
    role = settled_round()
    asked(role, WANTED)
    rows = wanted_rows(analysed(role, {61: need_w}))["agr.example", POINT]
    assert asked_w in rows[61]
    assert rows[60][0] == 5000


def test_in_a_running_round_the_point_is_looked_at_once_more() -> None:
    """What is wanted while a round runs is asked for at its end."""
    role = dso()
    hear_all(role)
    effects = asked(role, replace(WANTED, point=UPPER))
    assert answer(effects).accepted
    assert of(effects, Compute) == []
    analysed(role, {})
    rows = wanted_rows(analysed(role, {}))
    assert set(rows) == {("agr.example", UPPER)}


@pytest.mark.parametrize(
    ("changes", "now", "words"),
    [
        ({"point": "nowhere"}, AHEAD, "expected one of"),
        ({"period": FIRST + timedelta(days=9)}, AHEAD, "is no day that the site operates"),
        ({"first_isp": 62, "last_isp": 60}, AHEAD, "expected 1 to 96"),
        ({"last_isp": 97}, AHEAD, "expected 1 to 96"),
        ({"first_isp": 48}, NOON, "ISPs 48 to 62; expected"),
        ({}, DAY.end, "is over"),
        ({"power_w": 0}, AHEAD, "power_w: 0 W"),
        ({"power_w": 40_001}, AHEAD, "expected a need of 1 to 40000 W"),
    ],
)
def test_what_cannot_be_asked_for_is_refused_with_a_reason(changes: dict[str, Any], now: datetime, words: str) -> None:
    """One sentence that names the field; nothing follows."""
    role = settled_round()
    effects = asked(role, replace(WANTED, **changes), now)
    told = answer(effects)
    assert (told.number, told.accepted) == ("number-1", False)
    assert words in told.reason
    assert len(effects) == 1


def test_without_prognoses_or_market_there_is_nothing_to_ask_for() -> None:
    """An offer stands on a prognosis; a site without a market says so."""
    assert "no prognosis" in answer(asked(dso(), WANTED)).reason
    assert "no market" in answer(asked(dso(players.rules(Control.CURTAILMENT)), WANTED)).reason


def test_only_the_mailbox_asks() -> None:
    """Another agent that sends such a message is not obeyed, and told nothing."""
    role = settled_round()
    assert asked(role, WANTED, sender="agr") == []
    assert asked(feed_in.dso(), LIMIT, NOON, sender="farm-a") == []


def limited(role: DsoRole, at: datetime, *told: PlantStateTold) -> list[FeedInLimit]:
    """The limits that are decided."""
    for one in told:
        role.handle(Received("farm-a", 2, one), at)
    return feed_in.sent(role.handle(Fired(LimitFeedIn()), at + MOMENT), FeedInLimit)


STATE = PlantStateTold(feed_in.EAN, NOON, -12_000, -13_000, -13_000)


def test_an_emergency_limits_at_once_whatever_flows() -> None:
    """A quarter of the rating of 20 kW may be fed in, own use beside it; nobody's loading is asked."""
    role = feed_in.dso()
    effects = asked(role, LIMIT, NOON + timedelta(minutes=2))
    assert answer(effects).reason == "1 connections with plants are limited to 25 % of their rating"
    assert feed_in.sent(effects, PlantStateAsked) == [PlantStateAsked(feed_in.EAN, NOON)]
    assert [arm.at for arm in of(effects, Arm)] == [NOON + timedelta(minutes=2) + MOMENT]
    (limit,) = limited(role, NOON + timedelta(minutes=2), STATE)
    assert (limit.limit_w, limit.isp) == (-6_000, feed_in.ISP)


def test_who_does_not_answer_is_limited_all_the_same() -> None:
    """In an emergency a plant that says nothing of itself is held to its share, without own use."""
    role = feed_in.dso()
    asked(role, LIMIT, NOON)
    assert [one.limit_w for one in limited(role, NOON)] == [-5_000]


def test_it_goes_on_through_the_isps_and_ends_by_itself() -> None:
    """With each reading of the meter the plants below are asked, though nothing is near its limit; after the end they are not."""
    role = feed_in.dso()
    asked(role, LIMIT, NOON)
    limited(role, NOON, STATE)
    later = NOON + timedelta(minutes=15)
    assert feed_in.sent(feed_in.metered(role, later, -100.0), PlantStateAsked) == [PlantStateAsked(feed_in.EAN, later)]
    (limit,) = limited(role, later, replace(STATE, at=later))
    assert (limit.isp, limit.limit_w) == (feed_in.ISP + 1, -6_000)
    over = NOON + timedelta(minutes=20)
    feed_in.metered(role, over, -100.0)
    (limit,) = limited(role, over, PlantStateTold(feed_in.EAN, over, -5_000, -6_000, -9_000))
    assert limit.limit_w is None
    end = NOON + timedelta(minutes=30)
    assert feed_in.sent(feed_in.metered(role, end, -100.0), PlantStateAsked) == []


def test_it_is_lifted_by_hand() -> None:
    """The plants are free again at once; a limit that is not there cannot be lifted."""
    role = feed_in.dso()
    feed_in.metered(role, NOON, -100.0)
    asked(role, LIMIT, NOON)
    limited(role, NOON, STATE)
    lift = replace(LIMIT, feed_in_pct=None)
    assert answer(asked(role, lift, NOON)).accepted
    (limit,) = limited(role, NOON, PlantStateTold(feed_in.EAN, NOON, -5_000, -6_000, -6_000))
    assert limit.limit_w is None
    assert "not limited by hand" in answer(asked(role, lift, NOON)).reason


@pytest.mark.parametrize(
    ("changes", "now", "words"),
    [
        ({"point": "nowhere"}, NOON, "no plants below it"),
        ({"feed_in_pct": 101}, NOON, "expected 0 to 100"),
        ({"until": NOON}, NOON, "is over"),
        ({}, DAY.end, "does not operate now"),
    ],
)
def test_a_limit_that_makes_no_sense_is_refused(changes: dict[str, Any], now: datetime, words: str) -> None:
    """With a reason; nothing is limited."""
    role = feed_in.dso()
    effects = asked(role, replace(LIMIT, **changes), now)
    assert (answer(effects).accepted, len(effects)) == (False, 1)
    assert words in answer(effects).reason


def test_without_the_right_to_limit_it_is_refused() -> None:
    """A site without feed_in_limits has no such right."""
    assert "feed_in_limits" in answer(asked(dso(), LIMIT, NOON)).reason


def test_what_is_asked_by_hand_survives_a_restart() -> None:
    """An agent that is restored from its snapshot goes on limiting, and asks for what was wanted."""
    role = feed_in.dso()
    asked(role, LIMIT, NOON)
    again = feed_in.dso()
    again.restore(role.snapshot())
    assert [one.limit_w for one in limited(again, NOON)] == [-5_000]
    assert again.part(OutsideRequests).feed_in_share((POINT,), NOON + timedelta(minutes=20)) is None
    again.prune(FIRST + timedelta(days=1))
    assert again.part(OutsideRequests).state.emergencies == {}
