"""Works that are declared: what a point carries meanwhile, an interruption of supply that begins and ends, and what is refused."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from inspect import signature
from typing import Any

import numpy as np
import pytest

from agents.planning.grid_safety.assessment import assess
from agents.planning.jobs import run
from agents.roles.dso import DsoRole
from agents.roles.dso.planned_works import PlannedWorks, WorksBegin, WorksEnd
from agents.roles.effects import Arm, Compute, Disarm, Effect, Publish
from agents.roles.events import Fired
from agents.roles.messages import Filed
from cim.platform.mailbox.requests import FlexibilityWanted, WorksEndWanted, WorksWanted
from cim.platform.publications.grid import SupplyInterrupted, SupplyRestored, WorksDeclared
from environment.feeder import Limits
from market.uftp import FlexRequest
from tests.planning.test_planning_safety import MARGIN, NETWORK, NODES
from tests.planning.test_planning_safety import POINT as LINE
from tests.roles.test_roles_dso import analysed, of
from tests.roles.test_roles_outside_requests import answer, asked, settled_round
from tests.worlds import players
from tests.worlds.players import AHEAD, DAY, FIRST, NOON, POINT, UPPER

BEGIN, END = DAY.at(10), DAY.at(11)
WORKS = WorksWanted("number-1", "ada", POINT, BEGIN, END, 50, True, "a joint is renewed")
CUT = replace(WORKS, carries_pct=0)


def told(effects: list[Effect], kind: type) -> list[Any]:
    """What is published of a family."""
    return [e.publication for e in effects if isinstance(e, Publish) and isinstance(e.publication, kind)]


def declared(wanted: WorksWanted = WORKS, now: datetime = AHEAD) -> tuple[DsoRole, list[Effect]]:
    """A DSO that was told of works, and what it wants."""
    role = settled_round()
    effects = asked(role, wanted, now)
    assert answer(effects).accepted, answer(effects).reason
    return role, effects


def test_works_are_recorded_told_and_begin_and_end_at_their_time() -> None:
    """A record, a publication with everybody affected, and two timers; then running, then over; nobody was without supply."""
    role, effects = declared()
    (works,) = told(effects, WorksDeclared)
    assert (works.state, works.begin, works.end, works.carries_pct) == ("declared", BEGIN, END, 50)
    assert works.usage_points == ("ean.farm-a", "ean.farm-b")
    assert [(arm.timer, arm.at) for arm in of(effects, Arm)] == [
        (WorksBegin("number-1"), BEGIN),
        (WorksEnd("number-1"), END),
    ]
    assert [record.kind for filed in of(effects, Filed) for record in filed.records] == ["works"]
    begun, ended = role.handle(Fired(WorksBegin("number-1")), BEGIN), role.handle(Fired(WorksEnd("number-1")), END)
    assert [one.state for one in told(begun + ended, WorksDeclared)] == ["running", "over"]
    assert told(begun + ended, SupplyInterrupted) == []


def test_an_interruption_begins_and_ends_once() -> None:
    """Who has no supply is told when it begins, and again when it is back; a second end is none."""
    role, _ = declared(CUT)
    (cut,) = told(role.handle(Fired(WorksBegin("number-1")), BEGIN), SupplyInterrupted)
    assert (cut.at, cut.works, cut.planned) == (BEGIN, "number-1", True)
    (back,) = told(role.handle(Fired(WorksEnd("number-1")), END), SupplyRestored)
    assert (back.at, back.usage_points) == (END, cut.usage_points)
    assert role.handle(Fired(WorksEnd("number-1")), END) == []


def test_a_fault_is_reported_with_when_it_began_and_ended_by_hand() -> None:
    """It began ten minutes ago, nobody knows until when; it ends when somebody says so."""
    fault = replace(CUT, planned=False, begin=NOON - timedelta(minutes=10), end=None)
    role, effects = declared(fault, NOON)
    (cut,) = told(effects, SupplyInterrupted)
    assert (cut.at, cut.planned) == (NOON - timedelta(minutes=10), False)
    later = NOON + timedelta(minutes=30)
    over = asked(role, WorksEndWanted("number-2", "ada", "number-1"), later)
    assert answer(over).accepted
    assert [one.at for one in told(over, SupplyRestored)] == [later]
    assert "are over" in answer(asked(role, WorksEndWanted("number-3", "ada", "number-1"), later)).reason


def test_what_is_called_off_never_begins() -> None:
    """Its timers are taken back, and nobody was without supply."""
    role, _ = declared(CUT)
    effects = asked(role, WorksEndWanted("number-2", "ada", "number-1"))
    assert [one.state for one in told(effects, WorksDeclared)] == ["called off"]
    assert {one.timer for one in of(effects, Disarm)} == {WorksBegin("number-1"), WorksEnd("number-1")}
    assert role.handle(Fired(WorksBegin("number-1")), BEGIN) == []
    assert role.part(PlannedWorks).interrupted(POINT, DAY).sum() == 0


def test_the_analysis_is_told_what_the_branch_carries_meanwhile() -> None:
    """Half of its rating from ISP 41 to 44, all of it else; the same analysis with half a rating finds a need there alone."""
    role, _ = declared()
    (job,) = of(asked(role, FlexibilityWanted("number-9", "ada", POINT, FIRST, 60, 62, 5000)), Compute)
    ((_, share),) = signature(assess).bind(*job.arguments).arguments["carries"].items()
    assert [isp for isp, part in enumerate(share, 1) if part == 0.5] == [41, 42, 43, 44]
    assert sorted(set(share)) == [0.5, 1.0]
    flat, wide = np.full(4, -40_000.0), Limits(0.8, 1.2, 100.0)
    whole = run("safety", (NETWORK, wide, MARGIN, LINE, NODES, (flat, flat)))
    half = {LINE.branch: np.array([1.0, 0.2, 0.2, 1.0])}
    less = run("safety", (NETWORK, wide, MARGIN, LINE, NODES, (flat, flat), None, None, (), None, half))
    changed = np.flatnonzero(less.need_w != whole.need_w)
    assert list(changed) == [1, 2]
    assert (less.need_w[1:3] > whole.need_w[1:3]).all()
    assert (less.room_down_w[1:3] >= whole.room_down_w[1:3]).all()


def test_without_works_the_analysis_is_asked_as_before() -> None:
    """Its arguments end before what branches carry meanwhile and what inverters do, so nothing of an ordinary day changes."""
    role = settled_round()
    (job,) = of(asked(role, FlexibilityWanted("number-9", "ada", POINT, FIRST, 60, 62, 5000)), Compute)
    told = list(signature(assess).bind(*job.arguments).arguments)
    assert [*told, "carries", "inverters"] == list(signature(assess).parameters)


def test_nothing_is_bought_of_who_has_no_supply() -> None:
    """A need in the ISPs of an interruption, at the point or above it, is asked of nobody; other ISPs are."""
    for point in (POINT, UPPER):
        role = settled_round()
        asked(role, replace(CUT, point=point))
        asked(role, FlexibilityWanted("number-9", "ada", POINT, FIRST, 43, 46, 5000))
        requests = of(analysed(role, {}), FlexRequest)
        rows = {row.start for row in requests[0].isps if row.min_power_w == 5000}
        assert rows == {45, 46}


def test_in_real_time_the_point_may_carry_its_share() -> None:
    """While they go on; before and after, all of it."""
    role, _ = declared()
    role.handle(Fired(WorksBegin("number-1")), BEGIN)
    part = role.part(PlannedWorks)
    assert [part.share_now(POINT, at) for at in (BEGIN - timedelta(seconds=1), BEGIN, END)] == [1.0, 0.5, 1.0]
    assert part.share_now(UPPER, BEGIN) == 1.0


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"point": "nowhere"}, "expected one of"),
        ({"carries_pct": 100}, "expected 0 (no supply) to 99"),
        ({"carries_pct": -1}, "expected 0 (no supply) to 99"),
        ({"begin": AHEAD - timedelta(minutes=1)}, "what is planned begins later"),
        ({"begin": AHEAD - timedelta(days=2), "planned": False}, "expected within a day before"),
        ({"begin": AHEAD + timedelta(days=40)}, "expected within a day before"),
        ({"end": None}, "expected an instant of planned works"),
        ({"end": BEGIN}, "expected later than begin and now"),
        ({"end": BEGIN + timedelta(days=32)}, "within 31 days"),
    ],
)
def test_what_cannot_be_declared_is_refused_with_a_reason(changes: dict[str, Any], words: str) -> None:
    """One sentence that names the field; nothing is kept."""
    role = settled_round()
    effects = asked(role, replace(WORKS, **changes))
    assert (answer(effects).accepted, len(effects)) == (False, 1)
    assert words in answer(effects).reason
    assert role.part(PlannedWorks).state.works == {}


def test_it_survives_a_restart_and_what_is_over_is_forgotten_with_its_day() -> None:
    """A restored agent ends what it began; nobody else declares works."""
    role, _ = declared(CUT)
    role.handle(Fired(WorksBegin("number-1")), BEGIN)
    again = players.dso()
    again.restore(role.snapshot())
    assert len(told(again.handle(Fired(WorksEnd("number-1")), END), SupplyRestored)) == 1
    again.prune(FIRST + timedelta(days=1))
    assert again.part(PlannedWorks).state.works == {}
    assert asked(again, replace(WORKS, number="number-7"), sender="agr") == []
