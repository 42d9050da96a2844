"""The DSO tries what may come and what may be lost of each point's day, and publishes what it finds."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest

from agents.planning.grid_safety.cases import SafetyCase
from agents.planning.jobs import run
from agents.roles.dso import DsoRole
from agents.roles.dso.case_building import BANDS, CaseBuilding
from agents.roles.dso.config import DsoConfig
from agents.roles.dso.order_checks import OrderChecks
from agents.roles.dso.safety_cases import EVERY, CasesOf, SafetyCases
from agents.roles.dso.trading_round import PointAnalysed
from agents.roles.effects import Compute, Effect, Publish
from agents.roles.events import Computed
from cim.platform.publications.grid import PortfolioBand, SafetyCaseFound
from cim.platform.publications.incidents import WorkFailed
from environment.feeder import Line
from market.contracts.connection_terms import ConnectionTerms, LimitOnCall
from tests.roles.test_roles_dso import hear_all
from tests.worlds import players
from tests.worlds.players import AHEAD, DAY, FIRST, POINT, UPPER

IDLE = PointAnalysed(FIRST, POINT, (0.0,) * 96, (50.0,) * 96)


def made(**changes: object) -> DsoRole:
    """A DSO that has heard prognoses of -9 kW of each portfolio; farm-a has a battery and a limit on call, the park a CHP."""
    config: DsoConfig = players.dso().part(OrderChecks)._config
    days = (np.full(96, -4.0), np.full(96, -6.0), np.full(96, 2.0))
    on_call = ConnectionTerms(on_call=LimitOnCall(least_export_w=0, expires_min=60, fail_safe_export_w=1_000))
    farm_a, farm_b, park = config.connections
    connections = (
        replace(farm_a, history_kw=days, largest_unit="farm-a.bat", largest_unit_w=3_000, terms=on_call),
        replace(farm_b, history_kw=days),
        replace(park, history_kw=days, largest_unit="park.chp", largest_unit_w=8_000),
    )
    role = DsoRole("dso", players.RULES, players.key("dso"), replace(config, connections=connections, **changes))
    hear_all(role)
    return role


def cases(role: DsoRole, point: str = POINT) -> dict[str, SafetyCase]:
    """By name, the cases of a point."""
    part = role.part(SafetyCases)
    _, found = part._building.of(part._points[point], DAY)
    assert len({case.name for case in found}) == len(found)
    return {case.name: case for case in found}


def jobs(effects: list[Effect]) -> list[Compute]:
    """What is to be calculated."""
    return [effect for effect in effects if isinstance(effect, Compute)]


def lower_w(case: SafetyCase) -> float:
    """What the lower point's node draws in the first ISP."""
    return float(case.p_w[0][0])


def test_each_quantile_comes_with_each_loss() -> None:
    """Nothing, the largest unit, the largest connection's meter and communication lost; 10 %, expected, 90 %."""
    names = ("nothing lost", "farm-a.bat lost", "meter of ean.farm-b lost", "communication lost")
    assert list(cases(made())) == [f"{name}, {band}" for band, _ in BANDS for name in names]
    assert "park.chp lost, expected" in cases(made(), UPPER)


def test_the_quantiles_lie_on_both_sides_of_what_is_expected() -> None:
    """All portfolios at once: the lower point's -18 kW are less at 10 % and more at 90 %."""
    found = cases(made())
    low, middle, high = (lower_w(found[f"nothing lost, {band}"]) for band, _ in BANDS)
    assert middle == -18_000
    assert low < middle - 500
    assert high > middle + 500


def test_a_lost_unit_takes_its_share_of_the_usual_power_with_it() -> None:
    """farm-a usually feeds in 2.67 kW (the mean of its days), less than its battery's rating: all of it is gone."""
    found = cases(made())
    gone = lower_w(found["farm-a.bat lost, expected"]) - lower_w(found["nothing lost, expected"])
    assert gone == pytest.approx(8_000 / 3)


def test_an_unseen_meter_is_where_it_was_at_its_worst() -> None:
    """The point feeds in, so the blind connection counts with the most it fed in: 6 kW, where that is more than expected."""
    role = made()
    base = role.part(SafetyCases)._building._powers(POINT, DAY, None)
    moved = lower_w(cases(role)["meter of ean.farm-b lost, expected"]) + 18_000
    assert moved == min(0.0, -6_000 - base["ean.farm-b"][0])


def test_without_communication_a_limit_on_call_is_at_its_fail_safe() -> None:
    """farm-a feeds in no more than 1 kW then; the others do as foretold."""
    role = made()
    base = role.part(SafetyCases)._building._powers(POINT, DAY, None)
    assert base["ean.farm-a"][0] < -1_000
    moved = lower_w(cases(role)["communication lost, expected"]) + 18_000
    assert moved == -1_000 - base["ean.farm-a"][0]


def test_a_tie_that_supplies_everybody_is_tried_where_there_is_one() -> None:
    """Behind line-1: n1 from n0. No line makes up for one that feeds nobody, and an open end is no tie."""
    tie = Line("tie", "n0", "n1", 0.05, 0.02, 0.0, 10.0)
    found = cases(made(ties=(tie, replace(tie, name="stub", from_node="n2", to_node="n2"))))
    over = [case for case in found.values() if case.over is not None]
    assert [case.name for case in over] == [f"line-1 out, over tie, {band}" for band, _ in BANDS]
    assert {(case.without, case.over) for case in over} == {("line-1", tie)}


def test_what_is_found_is_published_by_case() -> None:
    """The job's answer, ISP by ISP: branch, loading, node, voltage, and the ISPs in which a limit is broken."""
    role = made()
    job = role.part(SafetyCases).look(IDLE, AHEAD)[0]
    assert isinstance(job, Compute)
    told = role.handle(Computed(job.reference, run(job.job, job.arguments)), AHEAD)
    found = [e.publication for e in told if isinstance(e, Publish)]
    assert all(isinstance(one, SafetyCaseFound) for one in found)
    assert len(told) == len(found) == 12
    first = next(one for one in found if one.case == "nothing lost, expected")
    assert (first.congestion_point, first.period, set(first.branch), set(first.node)) == (
        POINT,
        FIRST,
        {"line-1"},
        {"n1"},
    )
    assert len(first.loading_pct) == len(first.voltage_pu) == 96
    assert first.loading_pct[0] > 100, "18 kW on a line of 13.9 kVA"
    assert first.broken == tuple(range(1, 97))


def test_they_are_tried_the_day_before_and_again_on_the_day() -> None:
    """Not with every round: it is a table for people. Each point and each day by itself."""
    role = made()
    part = role.part(SafetyCases)
    assert len(jobs(part.look(IDLE, AHEAD))) == 1
    assert part.look(IDLE, AHEAD + timedelta(hours=1)) == []
    assert len(jobs(part.look(replace(IDLE, point=UPPER), AHEAD + timedelta(hours=1)))) == 1
    assert len(jobs(part.look(IDLE, AHEAD + EVERY))) == 1
    part.prune(DAY.next().day)
    assert part.state.last == {}


def test_what_each_portfolio_may_draw_is_published_with_its_chances() -> None:
    """Each seller at the point once, what it foretold with 10, 50 and 90 % of its errors: the cases' power is their sum."""
    role = made()
    told = [e.publication for e in role.part(SafetyCases).look(IDLE, AHEAD) if isinstance(e, Publish)]
    bands = [one for one in told if isinstance(one, PortfolioBand)]
    assert len(bands) == len(told) == 2
    assert len({one.seller for one in bands}) == 2
    assert {one.seller for one in bands} <= {*players.RULES.domains.values()}, "as prognoses name them"
    for one in bands:
        assert (one.congestion_point, one.period, one.median_w) == (POINT, FIRST, (-9_000,) * 96), (
            "nothing was metered yet"
        )
        assert all(low < -9_000 < high for low, high in zip(one.low_w, one.high_w, strict=True))
    for chance, row in (("10 %", "low_w"), ("90 %", "high_w")):
        case = cases(role)[f"nothing lost, {chance}"]
        assert abs(sum(getattr(one, row)[0] for one in bands) - lower_w(case)) < 2


def test_a_case_that_cannot_be_calculated_is_told_and_stops_nothing() -> None:
    """The round goes on; the fault is published, once, by this part alone."""
    role = made()
    effects = role.handle(Computed(CasesOf(FIRST, POINT), None, "power flow: no solution"), AHEAD)
    (told,) = effects
    assert isinstance(told, Publish)
    assert isinstance(told.publication, WorkFailed)
    assert isinstance(role.part(SafetyCases)._building, CaseBuilding)
