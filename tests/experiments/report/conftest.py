"""A small day made by hand for the report's tests: one limit broken twice without flexibility, once with it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from agents.assembly.roles import agent_spec
from agents.assembly.site_agents import SiteAgents
from agents.planning.grid_safety.assessment import PointGrid
from cim.model.arrays import Floats
from cim.platform.memory_store import MemoryStore
from cim.platform.publications.base import IspPower, Publication
from cim.platform.publications.grid import ExchangeBand, ExchangeForecast, SafetyAnalysed
from cim.platform.publications.measured import DeviceLost
from cim.platform.publications.sessions import Residuals, SessionConcluded
from cim.platform.publications.settlement import (
    OrderAnswer,
    PaymentRow,
    PaymentsMade,
    SettledIsp,
    SettledOrder,
    SettlementAnswered,
    SettlementTold,
)
from cim.platform.publications.trading import AskedIsp, FlexOffered, FlexRequested, OfferedOption, OrderPlaced
from cim.platform.store import values
from environment.feeder import Violation
from environment.feeder.flow import FlowResult
from environment.feeder.limits import ViolationKind
from environment.physics.device_truth import DeviceTruth
from environment.sites import load_site
from environment.sites.schema import Site
from experiments.report.data import RunData
from experiments.run.columns.column import Column, ColumnName, payment_of
from experiments.run.dispatch.audit import DispatchAudit, SystemGap
from experiments.run.dispatch.gaps import Gap
from experiments.run.grid import GridRecord
from experiments.run.run import RunResult
from market.rules import Control, MarketRules

DSO, EAST = "dso.strem.example", "east.strem.example"
BRANCH = "MV1.101-LV1.101-Trafo 1"
POINT = "ea1.2016-01.at.strem:lv-rural1"
NODES = ("busbar", "LV1.101 Bus 1")
BRANCHES = ("line-1", BRANCH)
Make = Callable[..., RunData]
KINDS = ("load", "pv", "battery", "ev", "heat_pump", "chp")
EVENT = 52  # index of the ISP, from 0


def rules(day: date, days: int) -> MarketRules:
    """The market's rules, with the parties that the material names."""
    domains = {"dso": DSO, "agr-east": EAST, "farm-1": "farm-1.strem.example"}
    return MarketRules("Europe/Vienna", 15, "EUR", 300, day, days, Control.MARKET, domains, {}, "0")


def grid(count: int, broken: tuple[int, ...]) -> GridRecord:
    """A power flow in which the transformer is overloaded in some ISPs (indices from 0)."""
    loading = np.full((count, 2), 40.0)
    loading[list(broken), 1] = 120.0
    flow = FlowResult(
        np.full((count, 2), 1.01), loading, NODES, BRANCHES, np.zeros(count), np.full(count, -9e4), np.zeros((count, 2))
    )
    return GridRecord(
        flow, tuple(Violation(BRANCH, k, 120.0, 100.0, ViolationKind.OVERLOAD) for k in broken),
        8000.0 * len(broken), 8000.0 * len(broken),
    )  # fmt: skip


def make(
    day: date = date(2016, 5, 20),
    days: int = 1,
    site: Site | None = None,
    without: tuple[type[Publication], ...] = (),
    more: tuple[tuple[str, Publication], ...] = (),
) -> RunData:
    """A run; `without` leaves out families of publications, `more` adds some."""
    site = site or load_site("strem")
    site_agents = SiteAgents((agent_spec("dso", "dso", b"", SimpleNamespace(points=(point(),))),), rules(day, days), {})
    periods = site_agents.rules.periods
    count = sum(period.count for period in periods)
    store = MemoryStore()
    for agent, told in (*publications(day, periods[0].start, periods[0].count), *more):
        if not isinstance(told, without):
            store.put(agent, told)
    truth = {"farm-1": (np.full(count, -90_000), np.zeros(count))}
    kinds = {kind: np.full(count, 1000.0 * (k - 1)) for k, kind in enumerate(KINDS)}
    result = RunResult(
        site,
        site_agents,
        periods[0].start,
        periods[-1].end,
        store,
        truth,
        kinds,
        devices(kinds),
        {},
        {"market": 1.0, "<b>": 2.0},
        0,
        10,
    )
    changed = {kind: values + (500.0 if kind == "pv" else 0.0) for kind, values in kinds.items()}
    payments = tuple(payment_of(row) for made in values(store, PaymentsMade) for row in made.payments)
    resting = changed | {"battery": changed["battery"] + 2000.0}
    columns = {
        ColumnName.IDLE: Column(truth, resting, devices(resting)),
        ColumnName.LOCAL: Column(truth, changed, devices(changed)),
        ColumnName.MARKET: Column(truth, kinds, devices(kinds), payments),
    }
    grids = {
        ColumnName.IDLE: grid(count, ()),
        ColumnName.LOCAL: grid(count, (EVENT, EVENT + 1)),
        ColumnName.MARKET: grid(count, (EVENT,)),
    }
    return RunData(result, columns, grids, summary(days), audit(values(store, SessionConcluded)))


def audit(told: list[SessionConcluded]) -> DispatchAudit:
    """The sessions cost 2 % more than they might, and what was ordered of them 10 %."""
    gaps = {s.session: Gap(102.0, 100.0, 100.0) for s in told}
    return DispatchAudit(
        tuple(told),
        gaps,
        tuple(SystemGap(POINT, (s.session,), Gap(55.0, 50.0, 50.0), Gap(55.0, 54.0, 54.0)) for s in told),
    )


def devices(kinds: dict[str, Floats]) -> DeviceTruth:
    """A unit of each kind."""
    return DeviceTruth({kind: kind for kind in kinds}, kinds, {"pv": kinds["pv"] - 200.0}, 0.0, 1.5)


def paid() -> PaymentRow:
    """The one payment."""
    return PaymentRow(DSO, EAST, 18_000, "utilisation", "r-1", "EUR")


@pytest.fixture(scope="session")
def material() -> Make:
    """Makes the run; see `make`."""
    return make


def point() -> PointGrid:
    """The congestion point that is broken."""
    return PointGrid(POINT, BRANCH, (NODES[1],), (NODES[1],), (BRANCH,))


def publications(day: date, start: datetime, count: int) -> list[tuple[str, Publication]]:
    """(agent, publication): forecast, request, offer, order, settlement and payment of 20 kW in one ISP; 12 came."""
    at, isp = start - timedelta(hours=10), EVENT + 1
    need, loading = [0] * count, [50.0] * count
    need[isp - 1], loading[isp - 1] = 20_000, 110.0
    rows = (IspPower(isp, 20_000),)
    settled = (SettledIsp(isp, -90_000, 20_000, -78_000, 12_000, 8_000),)
    order = SettledOrder("r-1", POINT, day, 18_000, 0, 18_000, settled)
    part = SettledOrder("r-1/farm-1/farm-1.battery", "farm-1.battery", day, 9_000, 0, 9_000, settled)
    dispute = OrderAnswer("r-1", "Disputed", "ISP 53 actual_power_w: ours <1>, yours 2")
    return [
        ("dso", SafetyAnalysed(at, POINT, day, tuple(need), tuple(loading))),
        (
            "dso",
            FlexRequested(at, "m-1", DSO, EAST, POINT, day, 1, at, (AskedIsp(isp, "Requested", 20_000, 30_000),)),
        ),
        ("dso", FlexOffered(at, "m-2", DSO, EAST, POINT, day, at, "m-1", "EUR", (OfferedOption("o-1", 30_000, rows),))),
        ("dso", OrderPlaced(at, "r-1", DSO, EAST, POINT, day, 30_000, "EUR", rows)),
        ("agr-east", session(at, day)),
        ("dso", SettlementTold(at, "m-1", DSO, EAST, day, day, 1, "EUR", (order,))),
        ("agr-east", SettlementTold(at, "m-3", EAST, "farm-1.strem.example", day, day, 1, "EUR", (part,))),
        ("agr-east", SettlementAnswered(at, "m-1", DSO, EAST, (dispute,))),
        ("dso", PaymentsMade(at, (paid(),))),
        ("farm-1.battery", DeviceLost(at, "farm-1.battery", "no answer <x>")),
        ("iles", ExchangeForecast(at, day, (-90_000,) * count)),
        ("iles", ExchangeBand(at, day, (-100_000,) * count, (-90_000,) * count, (-80_000,) * count)),
    ]


def session(at: datetime, day: date) -> SessionConcluded:
    """What an aggregator tells of a split."""
    low = tuple(20.0 if isp == EVENT else 0.0 for isp in range(96))
    return SessionConcluded(
        at, "s-1", "agr-east", "offer", POINT, day, 1, ("farm-1",), "converged", 2,
        (Residuals(10.0, 10.0), Residuals(0.01, 0.0)), low, (1e6,) * 96, tuple(0.9 * kw for kw in low),
    )  # fmt: skip


def column(violations: int, over_limit_wh: int, dso_cost: int) -> dict[str, Any]:
    """A column's figures."""
    return {"violations": violations, "over_limit_wh": over_limit_wh, "max_loading_pct": 100.0 + violations,
            "dso_cost": dso_cost, "welfare": 50_000 - dso_cost, "co2_kg": None, "generation_lost_wh": 9_000,
            "curtailed_wh": 4_000, "held_back_wh": 2_000, "held_back_worth": 1_640, "chp_not_made_wh": 3_500,
            "peak_loading_pct": 115.5 if violations == 1 else None}  # fmt: skip


def summary(days: int) -> dict[str, Any]:
    """As summary.json holds it."""
    both = {"without_flexibility": 120.0, "with_flexibility": 120.0}
    return {
        "seed": 7, "runtime": "local", "wire": "direct", "ray_actors": 0, "agents": {"dso": 1}, "isps": 96 * days,
        "messages": 10, "readings": 0, "contracts": 0, "flex_requests": 1, "flex_offers": 1, "flex_orders": 1,
        "ordered_wh": 5000, "delivered_wh": 3000, "deficiency_wh": 2000, "settlements": 2, "disputes": 1,
        "money": {"dso.strem.example": -18_000, "east.strem.example": 18_000, "sum": 0},
        "bills": {
            "farm-1.strem.example": {"local": 52_000, "market": 52_101, "lines": {"energy": 60_101, "feed-in": -8_000}},
        },
        "grid": {"violations": {"without_flexibility": 2, "with_flexibility": 1}, "max_loading_pct": both},
        "columns": {
            "idle": column(0, 0, 0), "local": column(2, 16_000, 0), "curtailment": column(0, 0, 4_000),
            "market": column(1, 8_000, 18_000),
        },
        "settled_vs_true": {
            "battery": {"ordered_wh": 3500, "settled_wh": 3000, "true_wh": 2000},
            "pv": {"ordered_wh": 1000, "settled_wh": 1000, "true_wh": 4000},
        },
        "relief": {
            "relieved_wh": 8_000, "market_ct_per_kwh": 22.5, "curtailment_ct_per_kwh": 2.5, "times_curtailment": 9.0,
            "causes": [{"words": "power held <ready>", "amount": 12_000}],
            "sellers": {"east.strem.example": -9_000}, "with_losses_ct_per_kwh": 33.75, "order_ct_per_kwh": 36.0,
            "own_right_ct_per_kwh": 7.14,
        },
        "made_whole": {
            "paid": 0, "payments": 18_000, "energy": 68_101, "share_of_payments": 0.0, "share_of_all": 0.0,
        },
        "dispatch": {
            "sessions": 1, "converged": 1, "polished": 0, "failed": 0, "rounds": 2, "worst_gap": 0.01, "worst_gap_e4": 2,
            "median_gap": 0.01,
            "relative_gap": 0.01, "compared": 1, "system_gap": 0.02, "choice_gap": 0.01, "requests_compared": 1,
        },
        "ledger": {"records": 3, "blocks": 1, "head": "ab" * 32, "verified": True},
        "startup_s": 0.1, "wall_s": 1.0, "seconds": {"market": 1.0, "<b>": 2.0},
    }  # fmt: skip
