"""A small day made by hand for the report's tests: one limit broken twice without flexibility, once with it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from agents.assembly.agent_spec import AgentSpec
from agents.assembly.site_agents import SiteAgents
from agents.planning.grid_safety.assessment import PointGrid
from environment.feeder import Violation
from environment.feeder.flow import FlowResult
from environment.feeder.limits import ViolationKind
from environment.sites import load_site
from environment.sites.schema import Site
from experiments.report.data import RunData
from experiments.run.collector import Collector
from experiments.run.grid import GridRecord
from experiments.run.run import RunResult
from market.rules import MarketRules
from market.settlement.payments import Payment
from market.uftp import (
    AcceptedDisputed,
    Disposition,
    FlexOffer,
    FlexOrder,
    FlexOrderSettlement,
    FlexOrderSettlementStatus,
    FlexRequest,
    FlexSettlement,
    FlexSettlementResponse,
    Header,
    IspPower,
    OfferOption,
    RequestIsp,
    Result,
    SettlementIsp,
)

BRANCH = "MV1.101-LV1.101-Trafo 1"
POINT = "ea1.2016-01.at.strem:lv-rural1"
NODES = ("busbar", "LV1.101 Bus 1")
BRANCHES = ("line-1", BRANCH)
Make = Callable[..., RunData]
KINDS = ("load", "pv", "battery", "ev", "heat_pump", "chp")
EVENT = 52  # index of the ISP, from 0


def rules(day: date, days: int) -> MarketRules:
    """The market's rules, with the parties that the material names."""
    domains = {"dso": "dso.strem.example", "agr-east": "east.strem.example", "farm-5": "farm-5.strem.example"}
    return MarketRules("Europe/Vienna", 15, "EUR", 300, day, days, True, domains, {}, "0")


def grid(count: int, broken: tuple[int, ...]) -> GridRecord:
    """A power flow in which the transformer is overloaded in some ISPs (indices from 0)."""
    loading = np.full((count, 2), 40.0)
    loading[list(broken), 1] = 120.0
    flow = FlowResult(
        np.full((count, 2), 1.01), loading, NODES, BRANCHES, np.zeros(count), np.full(count, -9e4), np.zeros((count, 2))
    )
    return GridRecord(flow, tuple(Violation(BRANCH, k, 120.0, 100.0, ViolationKind.OVERLOAD) for k in broken))


def make(day: date = date(2016, 5, 20), days: int = 1, site: Site | None = None, **left_out: bool) -> RunData:
    """A run; `quiet=True` leaves out everything that was published."""
    site = site or load_site("strem")
    site_agents = SiteAgents(
        (AgentSpec("dso", "dso", b"", SimpleNamespace(points=(point(),))),), rules(day, days), ("", 0), {}
    )
    periods = site_agents.rules.periods
    count = sum(period.count for period in periods)
    collector = Collector(None)
    if not left_out.get("quiet"):
        publish(collector, day, periods[0].start, periods[0].count)
    truth = {"farm-5": (np.full(count, -90_000), np.zeros(count))}
    kinds = {kind: np.full(count, 1000.0 * (k - 1)) for k, kind in enumerate(KINDS)}
    result = RunResult(
        site,
        site_agents,
        periods[0].start,
        periods[-1].end,
        collector,
        truth,
        kinds,
        {},
        {"market": 1.0, "<b>": 2.0},
        0,
        10,
    )
    changed = {kind: values + (500.0 if kind == "pv" else 0.0) for kind, values in kinds.items()}
    return RunData(result, grid(count, (EVENT,)), grid(count, (EVENT, EVENT + 1)), changed, truth, summary(days))


@pytest.fixture(scope="session")
def material() -> Make:
    """Makes the run; see `make`."""
    return make


def point() -> PointGrid:
    """The congestion point that is broken."""
    return PointGrid(POINT, BRANCH, (NODES[1],), (NODES[1],), (BRANCH,))


def publish(collector: Collector, day: date, start: datetime, count: int) -> None:
    """Forecast, request, offer, order, settlement and payment of 20 kW in one ISP, of which 12 came."""
    at = start - timedelta(hours=10)
    isp = EVENT + 1
    head = Header("dso.strem.example", "east.strem.example", at, "m-1", "c-1")
    back = Header("east.strem.example", "dso.strem.example", at, "m-2", "c-1")
    rows = (IspPower(isp, 20_000),)
    need, loading = np.zeros(count), np.full(count, 50.0)
    need[isp - 1], loading[isp - 1] = 20_000, 110.0
    offered = (OfferOption("o-1", 30_000, rows, 1),)
    asked = (RequestIsp(isp, Disposition.REQUESTED, 20_000, 30_000),)
    settled = SettlementIsp(isp, -90_000, 20_000, -78_000, 12_000, 8_000)
    reason = "ISP 53 actual_power_w: ours <1>, yours 2"
    for agent, topic, value in (
        ("dso", "safety", {"period": day, "point": POINT, "at": at, "need_w": need, "loading_pct": loading}),
        ("dso", "flex-request", FlexRequest(head, day, POINT, 1, at, asked, "Europe/Vienna")),
        ("dso", "flex-offer", FlexOffer(back, day, POINT, at, offered, "EUR", "Europe/Vienna")),
        ("dso", "flex-order", FlexOrder(head, day, POINT, "r-1", 30_000, "EUR", rows, "Europe/Vienna")),
        ("agr-east", "dispatch", session(day)),
        (
            "dso",
            "settlement",
            settlement(head, day, FlexOrderSettlement("r-1", day, POINT, (settled,), 18_000, 0, 18_000)),
        ),
        (
            "agr-east",
            "settlement",
            settlement(
                Header("east.strem.example", "farm-5.strem.example", at, "m-3", "c-3"),
                day,
                FlexOrderSettlement("r-1/farm-5/farm-5.battery", day, "farm-5.battery", (settled,), 9_000, 0, 9_000),
            ),
        ),
        ("agr-east", "settlement-response", answer(back, "m-1", "r-1", reason)),
        ("dso", "payments", (Payment("dso.strem.example", "east.strem.example", 18_000, "utilisation", "r-1"),)),
        ("farm-5.battery", "device", {"device": "farm-5.battery", "fault": "no answer <x>", "at": at}),
        ("dso", "pcc-forecast", {"period": day, "at": at, "power_w": np.full(count, -90_000)}),
    ):
        collector(at, agent, topic, value)


def session(day: date) -> dict[str, Any]:
    """What an aggregator publishes of a split."""
    low = np.zeros(96)
    low[EVENT] = 20.0
    return {
        "session": "s-1", "aggregator": "agr-east", "purpose": "offer", "congestion_point": POINT, "period": day,
        "first_isp": 1, "members": ("farm-5",), "rounds": 2, "residuals": ((10.0, 10.0), (0.01, 0.0)), "low_kw": low,
        "high_kw": np.full(96, 1e6), "total_kw": low * 0.9,
    }  # fmt: skip


def settlement(header: Header, day: date, order: FlexOrderSettlement) -> FlexSettlement:
    """A settlement of one order."""
    return FlexSettlement(header, day, day, "EUR", (order,))


def answer(header: Header, message_id: str, reference: str, reason: str) -> FlexSettlementResponse:
    """A dispute."""
    status = FlexOrderSettlementStatus(reference, AcceptedDisputed.DISPUTED, reason)
    return FlexSettlementResponse(header, message_id, Result.ACCEPTED, (status,))


def summary(days: int) -> dict[str, Any]:
    """As summary.json holds it."""
    both = {"without_flexibility": 120.0, "with_flexibility": 120.0}
    return {
        "seed": 7, "runtime": "local", "wire": "direct", "ray_actors": 0, "agents": {"dso": 1}, "isps": 96 * days,
        "messages": 10, "readings": 0, "contracts": 0, "flex_requests": 1, "flex_offers": 1, "flex_orders": 1,
        "ordered_wh": 5000, "delivered_wh": 3000, "deficiency_wh": 2000, "settlements": 2, "disputes": 1,
        "money": {"dso.strem.example": -18_000, "east.strem.example": 18_000, "sum": 0},
        "grid": {"violations": {"without_flexibility": 2, "with_flexibility": 1}, "max_loading_pct": both},
        "dispatch": {"sessions": 1, "rounds": 2, "relative_gap": 0.01, "compared": 1},
        "ledger": {"records": 3, "blocks": 1, "head": "ab" * 32, "verified": True},
        "startup_s": 0.1, "wall_s": 1.0, "seconds": {"market": 1.0, "<b>": 2.0},
    }  # fmt: skip
