"""Before an order is recorded and sent, a power flow with it: what would break a limit elsewhere is told and not ordered."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from agents.planning.jobs import run
from agents.roles.dso import DsoRole
from agents.roles.dso.order_checks import OrderChecks
from agents.roles.dso.ordering import OffersChosen, Ordering
from agents.roles.dso.trading_round import SelectionOf
from agents.roles.dso.trading_rounds import TradingRounds
from agents.roles.effects import Compute, Publish
from agents.roles.events import Computed
from agents.roles.messages import Filed
from cim.platform.publications.incidents import MessageLapsed, WorkFailed
from market.uftp import FlexRequest
from tests.roles.test_roles_dso import analysed, hear, hear_all, of, offer
from tests.worlds import players
from tests.worlds.players import AHEAD, FIRST


def check_of(power_w: int = 4_000) -> tuple[DsoRole, Compute]:
    """A DSO that has chosen both sellers' offers at the lower point, and the check that it asks for."""
    role = players.dso()
    hear_all(role, power_w=-5_000)
    for request in of(analysed(role, {48: 5000.0, 49: 5000.0}), FlexRequest):
        seller = players.RULES.name_of(request.header.recipient_domain) or ""
        hear(role, seller, offer(request, seller, power_w))
    (job,) = of(role.handle(Computed(SelectionOf(FIRST), (100, 50)), AHEAD), Compute)
    assert job.job == "order-check"
    return role, job


def words(effects: list[Any], kind: type) -> list[Any]:
    """Publications of a kind."""
    return [e.publication for e in effects if isinstance(e, Publish) and isinstance(e.publication, kind)]


def test_the_power_flow_gets_what_is_expected_and_what_the_orders_move() -> None:
    """Expected: -10 kW at the lower node in sum; moved: 4 kW by the one order and half of 4 by the other, in ISPs 48 and 49."""
    _, job = check_of()
    _, _, nodes, p_w, q_var, orders, inverters = job.arguments
    assert inverters == ()
    assert nodes == ("n1", "n2")
    assert p_w[0].tolist() == [-10_000.0] * 96
    assert [row.any() for row in q_var] == [False, False]
    for order, power_w in zip(orders, (4_000.0, 2_000.0), strict=True):
        assert {isp + 1: row for isp, row in enumerate(order[0].tolist()) if row} == {48: power_w, 49: power_w}
        assert not order[1].any()


def test_nothing_is_filed_before_the_answer_and_all_that_passes_after() -> None:
    """Orders that relieve the line pass a real power flow, and go to the ledger."""
    role, job = check_of()
    assert role.part(Ordering).state.filed == {}
    effects = role.handle(Computed(job.reference, run(job.job, job.arguments)), AHEAD)
    (filed,) = of(effects, Filed)
    assert sum(record.kind == "flex-order" for record in filed.records) == 2
    assert words(effects, MessageLapsed) == []


def test_an_order_that_would_break_the_line_is_told_and_the_other_is_placed() -> None:
    """40 kW of consumption on a line of 13.9 kVA: a real power flow refuses the first seller's, half of 6 kW would not be."""
    role, job = check_of()
    seller, made, factor, price = job.reference.chosen[0]
    option = replace(made.options[0], isps=tuple(replace(row, power_w=40_000) for row in made.options[0].isps))
    chosen = ((seller, replace(made, options=(option,)), factor, price), job.reference.chosen[1])
    (again,) = role.part(OrderChecks).chosen(OffersChosen(FIRST, job.reference.point, chosen), AHEAD)
    assert isinstance(again, Compute)
    effects = role.handle(Computed(again.reference, run(again.job, again.arguments)), AHEAD)
    (filed,) = of(effects, Filed)
    assert sum(record.kind == "flex-order" for record in filed.records) == 1
    (lapsed,) = words(effects, MessageLapsed)
    assert "a power flow with it has line-1 at" in str(lapsed)
    assert "in ISP 48, beyond 100 %" in str(lapsed)


def test_where_nothing_passes_the_round_goes_on() -> None:
    """Both are told; the next congestion point is looked at."""
    role, job = check_of()
    effects = role.handle(Computed(job.reference, ("too much", "too much")), AHEAD)
    assert of(effects, Filed) == []
    assert len(words(effects, MessageLapsed)) == 2
    assert [one.job for one in of(effects, Compute)] == ["safety"]


def test_a_check_that_fails_orders_nothing() -> None:
    """What cannot be calculated is not ordered; it is told once, and the round goes on."""
    role, job = check_of()
    effects = role.handle(Computed(job.reference, None, "power flow: no solution"), AHEAD)
    assert of(effects, Filed) == []
    assert len(words(effects, WorkFailed)) == 1
    assert [one.job for one in of(effects, Compute)] == ["safety"]
    assert role.part(TradingRounds).state.rounds[FIRST].todo == ()
