"""Consumption limited by hand, and works that interrupt supply: who is told, who obeys, what it costs, and when it ends."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import pytest

from agents.planning.elements.element import ElementConfig
from agents.roles.dso import DsoRole
from agents.roles.dso.consumption_limits import ConsumptionLimits
from agents.roles.dso.planned_works import WorksEnd
from agents.roles.effects import Arm, Effect, Publish, Send
from agents.roles.events import Fired, Received
from agents.roles.grid_messages import SupplyLimited
from agents.roles.messages import DeviceSchedule, Filed
from agents.roles.prosumer import ProsumerRole
from agents.roles.prosumer.held_orders import ElementOrder, HeldOrders
from agents.roles.prosumer.supply_limits import SupplyLimitEnds, SupplyLimits
from agents.roles.role import Role
from cim.model.devices import DeviceKind, Mode, Setpoint
from cim.platform.mailbox.requests import MAILBOX, ConsumptionLimitWanted, RequestAnswered, WorksEndWanted
from cim.platform.publications.grid import ConsumptionHeldBack, ConsumptionLimited
from market.contracts.envelope import ElementCall
from market.rules import Control, MarketRules
from tests.roles.test_roles_planned_works import CUT, WORKS
from tests.worlds import players, terms
from tests.worlds.players import AHEAD, DAY, FIRST, NOON, POINT, UPPER, dso

ISP = DAY.isp_of(NOON)
UNTIL = NOON + timedelta(minutes=30)
WANTED = ConsumptionLimitWanted("number-1", "ada", POINT, 50, UNTIL)
TOLD = SupplyLimited("number-1", "ean.farm-a", NOON, UNTIL, 50, False, POINT)


def asked(role: Role, message: Any, now: datetime = NOON, sender: str = MAILBOX) -> list[Effect]:
    """What a role wants when it is told something."""
    return role.handle(Received(sender, 1, message), now)


def sent(effects: list[Effect], kind: type) -> list[Any]:
    """Messages of a kind."""
    return [e.message for e in effects if isinstance(e, Send) and isinstance(e.message, kind)]


def published(effects: list[Effect], kind: type) -> list[Any]:
    """Publications of a family."""
    return [e.publication for e in effects if isinstance(e, Publish) and isinstance(e.publication, kind)]


# ---- the DSO's side ------------------------------------------------------------------------------------------------------


def test_everybody_below_the_point_is_told_and_the_engineer_how_many() -> None:
    """Both farms at the point and not the park above it; recorded and published once; at the point above it is all three."""
    effects = asked(dso(), WANTED)
    assert sent(effects, SupplyLimited) == [replace(TOLD, usage_point=f"ean.{farm}") for farm in players.FARMS]
    (answer,) = sent(effects, RequestAnswered)
    assert answer.accepted
    assert answer.reason.startswith(
        "2 connections hold vehicles, heat pumps and batteries at 50 % of their rating until"
    )
    assert [record.kind for filed in sent(effects, Filed) for record in filed.records] == ["consumption-limit"]
    (told,) = published(effects, ConsumptionLimited)
    assert told == ConsumptionLimited(NOON, "number-1", POINT, 50, UNTIL, ("ean.farm-a", "ean.farm-b"), 0)
    assert len(sent(asked(dso(), replace(WANTED, point=UPPER)), SupplyLimited)) == 3


def test_what_the_dso_ordered_against_it_is_told_in_kwh() -> None:
    """4 kW more in two quarter-hours, of which the limit holds for half an hour: 2 kWh; 3 kW less is not against it."""
    role = dso()
    part = role.part(ConsumptionLimits)
    part._ordered_w = lambda place: (
        {ISP: 4_000, ISP + 1: 4_000, ISP + 5: 4_000} if place.seller == "agr" else {ISP: -3_000}
    )
    effects = asked(role, WANTED)
    assert published(effects, ConsumptionLimited)[0].against_wh == 2_000
    assert (
        "2 kWh of more consumption are ordered there until then, and may fail unfined"
        in sent(effects, RequestAnswered)[0].reason
    )


def test_another_limit_replaces_the_one_before_and_it_is_lifted_by_its_number() -> None:
    """Who was told of the first is told that it is over, then of the second; lifting it names the second."""
    role = dso()
    asked(role, WANTED)
    second = asked(role, replace(WANTED, number="number-2", consumption_pct=0))
    assert [(m.number, m.consumption_pct) for m in sent(second, SupplyLimited) if m.usage_point == "ean.farm-a"] == [
        ("number-1", None),
        ("number-2", 0),
    ]
    lifted = asked(role, replace(WANTED, number="number-3", consumption_pct=None))
    assert {(m.number, m.consumption_pct) for m in sent(lifted, SupplyLimited)} == {("number-2", None)}
    assert (
        "is not limited by hand" in sent(asked(role, replace(WANTED, consumption_pct=None)), RequestAnswered)[0].reason
    )


@pytest.mark.parametrize(
    ("role", "changes", "now", "words"),
    [
        (dso(), {"point": "nowhere"}, NOON, "expected one of"),
        (dso(), {"consumption_pct": 101}, NOON, "expected 0 to 100"),
        (dso(), {}, UNTIL, "is over"),
        (dso(), {"consumption_pct": None}, NOON, "is not limited by hand"),
        (dso(), {}, AHEAD - timedelta(days=30), "does not operate now"),
        (dso(players.rules(Control.LOCAL)), {}, NOON, "has no right"),
    ],
)
def test_what_cannot_be_limited_is_refused_with_a_reason(
    role: DsoRole, changes: dict[str, Any], now: datetime, words: str
) -> None:
    """One sentence that names the field, and nobody is told anything."""
    effects = asked(role, replace(WANTED, **changes), now)
    (answer,) = sent(effects, RequestAnswered)
    assert (answer.accepted, len(effects)) == (False, 1)
    assert words in answer.reason


def test_only_the_mailbox_limits() -> None:
    """Another agent that sends such a message is not obeyed."""
    assert asked(dso(), WANTED, sender="agr") == []


def test_who_has_no_supply_is_told_when_it_is_foretold_and_when_it_is_over() -> None:
    """Works without supply are told to both farms, then that they are over; works that leave half are the market's affair."""
    role = dso()
    told = sent(asked(role, CUT, AHEAD), SupplyLimited)
    assert [(m.usage_point, m.consumption_pct, m.interrupted) for m in told] == [
        ("ean.farm-a", 0, True),
        ("ean.farm-b", 0, True),
    ]
    assert (told[0].begin, told[0].end) == (CUT.begin, CUT.end)
    ended = sent(role.handle(Fired(WorksEnd("number-1")), DAY.at(11)), SupplyLimited)
    assert {m.consumption_pct for m in ended} == {None}
    called_off = dso()
    asked(called_off, CUT, AHEAD)
    assert {
        m.consumption_pct for m in sent(asked(called_off, WorksEndWanted("n", "ada", "number-1"), AHEAD), SupplyLimited)
    } == {None}
    assert sent(asked(dso(), WORKS, AHEAD), SupplyLimited) == []


# ---- the prosumer's side -------------------------------------------------------------------------------------------------


def home(market: MarketRules = players.RULES) -> ProsumerRole:
    """A farm with a heat pump of 6 kW that is expected to run at 4, a station of 11 kW, and PV."""
    usual = np.full(96, 4.0)
    elements = (
        ElementConfig("farm-a.pv", DeviceKind.PV, 10_000),
        ElementConfig("farm-a.heat", DeviceKind.GATEWAY, consumption_w=6_000, history_kw=(usual,)),
        ElementConfig("farm-a.ev", DeviceKind.STATION, consumption_w=11_000, history_kw=(np.zeros(96),)),
    )
    config = terms.prosumer_config("farm-a", POINT, "agr", elements, (np.zeros(96),))
    role = ProsumerRole("farm-a", market, players.key("farm-a"), config)
    from agents.roles.prosumer.day_planning import DayPlanning

    role.part(DayPlanning).forecast(DAY, 1, AHEAD)
    return role


def setpoints(effects: list[Effect]) -> dict[str, tuple[Setpoint | None, ...]]:
    """By element, what it is told for the running ISP, the two after it."""
    return {m.element: m.setpoints[ISP - 1 : ISP + 2] for m in sent(effects, DeviceSchedule)}


def test_devices_that_draw_are_held_to_their_share_until_the_end() -> None:
    """Half of 6 and of 11 kW in two quarter-hours, the plant free; after the end all are free again."""
    role = home()
    effects = asked(role, TOLD, sender="dso")
    heat, station = Setpoint(Mode.TARGET, 3_000), Setpoint(Mode.LIMIT, 5_500)
    assert setpoints(effects) == {"farm-a.heat": (heat, heat, None), "farm-a.ev": (station, station, None)}
    assert [(arm.timer, arm.at) for arm in effects if isinstance(arm, Arm)] == [(SupplyLimitEnds("number-1"), UNTIL)]
    ended = role.handle(Fired(SupplyLimitEnds("number-1")), UNTIL)
    assert setpoints(ended)["farm-a.heat"] == (None, None, None)
    assert role.part(SupplyLimits).state.limits == {}


def test_a_limit_above_what_is_expected_holds_the_heat_pump_to_what_is_expected() -> None:
    """90 % of 6 kW are more than the 4 that it is expected to take: its own rule may not go beyond them meanwhile."""
    effects = asked(home(), replace(TOLD, consumption_pct=90), sender="dso")
    assert setpoints(effects)["farm-a.heat"][0] == Setpoint(Mode.TARGET, 4_000)


def test_what_is_held_back_and_what_orders_want_against_it_is_published() -> None:
    """A kilowatt beyond the half of 6 for half an hour: 500 Wh of one of two devices; of an order of 2 kW more, the same 500 Wh."""
    role = home()
    (told,) = published(asked(role, TOLD, sender="dso"), ConsumptionHeldBack)
    assert told == ConsumptionHeldBack(NOON, "number-1", "ean.farm-a", 2, 500, 0)
    role = home()
    held = role.part(HeldOrders)
    rows = ((ISP, 4_000, 2_000), (ISP + 1, 4_000, 2_000))
    held.state.parts = (ElementOrder("order-1", FIRST, "farm-a.heat", rows),)
    level = np.full(96, np.nan)
    level[ISP - 1 : ISP + 1] = 6.0
    held.state.held_kw[FIRST] = {"farm-a.heat": level}
    effects = asked(role, TOLD, sender="dso")
    (told,) = published(effects, ConsumptionHeldBack)
    assert (told.planned_wh, told.ordered_wh) == (1_500, 1_000)
    assert setpoints(effects)["farm-a.heat"][0] == Setpoint(Mode.TARGET, 3_000)


def test_orders_of_more_are_refused_while_it_holds_and_orders_of_less_are_not() -> None:
    """The reason names element and ISP; without supply nothing at all can be ordered."""
    role = home()
    asked(role, TOLD, sender="dso")
    limits = role.part(SupplyLimits)
    more, less, later = ElementCall(ISP, 0, 500), ElementCall(ISP, 0, -500), ElementCall(ISP + 4, 0, 500)
    assert (limits.fault("farm-a.heat", [more], DAY) or "").startswith(f"limited: farm-a.heat in ISP {ISP}")
    assert limits.fault("farm-a.heat", [less, later], DAY) is None
    asked(role, replace(TOLD, number="works-1", interrupted=True, consumption_pct=0), sender="dso")
    assert "has no supply" in (limits.fault("farm-a.heat", [less], DAY) or "")


def test_where_there_is_no_supply_vehicles_are_planned_outside_of_it_and_devices_are_not_steered() -> None:
    """The room to draw is none in those quarter-hours and all in others; what devices do in the dark is theirs."""
    role = home()
    effects = asked(role, replace(TOLD, interrupted=True, consumption_pct=0), sender="dso")
    limits = role.part(SupplyLimits)
    room = limits.room_kw("farm-a.ev", DAY, None)
    assert room is not None
    assert [float(kw) for kw in room[ISP - 2 : ISP + 2]] == [np.inf, 0.0, 0.0, np.inf]
    assert np.isnan(limits.most_kw("farm-a.heat", DAY)).all()
    assert "farm-a.heat" not in setpoints(effects)
    assert published(effects, ConsumptionHeldBack) == []


def test_strangers_and_limits_that_are_over_are_not_obeyed() -> None:
    """Another sender, another connection: nothing; one that is over lapses."""
    role = home()
    assert asked(role, TOLD, sender="agr") == []
    assert asked(role, replace(TOLD, usage_point="ean.farm-b"), sender="dso") == []
    assert sent(asked(role, TOLD, UNTIL, sender="dso"), DeviceSchedule) == []
    assert role.part(SupplyLimits).state.limits == {}
