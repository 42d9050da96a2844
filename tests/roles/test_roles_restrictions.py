"""A unit that the DSO restricts for a time: in the register and the ledger, not offered, and not called while it is."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from agents.roles.dso import DsoRole
from agents.roles.dso.config import PlannedRestriction
from agents.roles.dso.prognoses import Prognoses
from agents.roles.effects import Effect, Publish
from agents.roles.events import Received
from agents.roles.messages import NetProfile
from agents.roles.parts.register_keeping import RegisterKeeping
from agents.roles.prosumer.held_orders import HeldOrders
from agents.roles.prosumer.unit_restrictions import UnitRestrictions
from agents.roles.register_messages import RegisterEntry
from cim.platform.publications.incidents import RuleBroken
from experiments.market.book import market_book
from market.contracts.envelope import ElementCall
from market.register.lifecycle import UnitEvent, UnitState
from market.register.units import CONGESTION_MANAGEMENT, RECORD_KIND, UnitLimit, UnitMove, UnitProduct
from market.uftp import Result
from tests.roles.test_roles_enforcement import ordered
from tests.roles.test_roles_vpp_session import offered
from tests.worlds import players
from tests.worlds.miniature import Miniature
from tests.worlds.players import AHEAD, DAY, Pump, market_of_farms

UNIT, WHY = "farm-a.pv", "the cable is being mended"
FROM, UNTIL = DAY.isp_start(45), DAY.isp_start(49)  # 11:00 to 12:00, as the standard request


def limit(up_w: int = 0, event: UnitEvent = UnitEvent.LIMIT, by: str = "dso", until: datetime = UNTIL) -> RegisterEntry:
    """A recorded move: the farm's plant may raise consumption by so much."""
    held = UnitLimit(up_w, 0, until, FROM) if event is UnitEvent.LIMIT else None
    move = UnitMove(UnitProduct(UNIT, CONGESTION_MANAGEMENT), event, AHEAD, limit=held, reason=WHY)
    role = players.dso() if by == "dso" else players.aggregator()
    return RegisterEntry(role.me.record(RECORD_KIND, "x", (move,), AHEAD))


def given_w(pump: Pump) -> list[int]:
    """What the restricted farm answers last to the standard request, ISP by ISP, watts."""
    offered(pump)
    return [round(1000 * float(kw)) for kw in pump.said(NetProfile, sender="farm-a")[-1].deviation_kw[:4]]


def test_a_restricted_unit_is_not_offered_in_that_time() -> None:
    """Free it gives its part; restricted to nothing, nothing; to half an hour, its part in the other half hour only."""
    assert min(given_w(market_of_farms())) > 2_900
    pump = market_of_farms()
    pump.tell("farm-a", "iles", limit(), AHEAD)
    assert given_w(pump) == [0, 0, 0, 0]
    pump = market_of_farms()
    pump.tell("farm-a", "iles", limit(500, until=DAY.isp_start(47)), AHEAD)
    first, second, third, fourth = given_w(pump)
    assert max(first, second) <= 500
    assert min(third, fourth) > 2_900


@pytest.mark.parametrize(("up_w", "taken"), [(0, False), (10_000, True)])
def test_an_order_beyond_a_restriction_is_refused(up_w: int, taken: bool) -> None:
    """Offered before the DSO's word came, ordered after it: refused with the reason, and nothing is held to it."""
    pump = market_of_farms()
    farm = pump.roles["farm-a"]
    offered(pump)
    pump.tell("farm-a", "iles", limit(up_w), AHEAD)
    answer = ordered(pump)
    assert (answer.result is Result.ACCEPTED) is taken
    assert bool(farm.part(HeldOrders).state.parts) is taken
    if not taken:
        assert (answer.rejection_reason or "").startswith("restricted: ")


def test_a_call_is_within_a_restriction_or_outside_its_time() -> None:
    """Half a kilowatt is let from 11:00 to 12:00: as much as that, or at another time, or once it is lifted."""
    farm = players.farm("farm-a")
    restrictions = farm.part(UnitRestrictions)
    farm.handle(Received("iles", 1, limit(500)), AHEAD)

    def fault(isp: int, watts: int) -> str | None:
        return restrictions.fault(UNIT, (ElementCall(isp, -8_000, watts),), DAY)

    assert (fault(45, 500), fault(44, 6_000), fault(49, 6_000)) == (None, None, None)
    assert fault(48, 501) == (
        f"restricted: 501 W of {UNIT} in ISP 48; the DSO allows 0..500 W until {UNTIL.isoformat()}"
    )  # fmt: skip
    farm.handle(Received("iles", 1, limit(event=UnitEvent.LIMIT_LIFTED)), AHEAD)
    assert fault(48, 501) is None


def test_nobody_but_the_dso_by_way_of_the_register_restricts() -> None:
    """From the DSO itself (not recorded), from another, by another, or no move: told as a breach, and nothing is held."""
    for sender, entry in (("dso", limit()), ("agr", limit()), ("iles", limit(by="agr"))):
        farm = players.farm("farm-a")
        effects = farm.handle(Received(sender, 1, entry), AHEAD)
        assert len(breaches(effects)) == 1
        assert farm.part(UnitRestrictions).state.limits == {}
    nothing = RegisterEntry(players.dso().me.record(RECORD_KIND, "x", (), AHEAD))
    assert len(breaches(players.farm("farm-a").handle(Received("iles", 1, nothing), AHEAD))) == 1


def breaches(effects: list[Effect]) -> list[RuleBroken]:
    """What is told as broken rules."""
    told = [e.publication for e in effects if isinstance(e, Publish)]
    return [publication for publication in told if isinstance(publication, RuleBroken)]


def test_a_planned_restriction_is_recorded_told_shown_and_ends(tmp_path: Path) -> None:
    """Of four homes one battery is restricted in the forenoon: `iles market show` says so, its owner holds it, and it ends."""
    market = Miniature(tmp_path / "ledger.db")
    until = market.start + timedelta(hours=3)
    planned = PlannedRestriction("home-a.bat", UnitLimit(0, -100, until, market.start), WHY)
    role = market.roles["dso"]
    config = replace(role.part(Prognoses).config, restrictions=(planned,))
    market.roles["dso"] = DsoRole("dso", market.rules, players.key("dso"), config)
    market.play(market.start + timedelta(minutes=20))
    shown = {unit.unit: unit for unit in market_book(tmp_path).register}
    bat = shown.pop("home-a.bat")
    assert (bat.state, bat.up_w, bat.down_w, bat.reason) == ("limited", 0, -100, WHY)
    assert {unit.state for unit in shown.values()} == {"prequalified"}
    assert market.roles["home-a"].part(UnitRestrictions).state.limits == {"home-a.bat": planned.limit}
    assert market.roles["home-b"].part(UnitRestrictions).state.limits == {}
    register = market.roles["iles"].part(RegisterKeeping)._register()
    unit = UnitProduct("home-a.bat", CONGESTION_MANAGEMENT)
    assert register.at(until - timedelta(seconds=1)).units[unit].state is UnitState.LIMITED
    assert register.at(until).units[unit].state is UnitState.PREQUALIFIED
    assert register.at(until).units[unit].up_w > 0
