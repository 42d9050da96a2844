"""The summary of a run: a documented, versioned schema (docs/summary.md)."""

from __future__ import annotations

from collections import Counter
from typing import Literal

from pydantic import Field

from cim.platform.publications.agreements import ContractAgreed
from cim.platform.publications.settlement import SettlementAnswered, SettlementTold, last_revisions
from cim.platform.publications.trading import FlexOffered, FlexRequested, OrderPlaced
from cim.platform.store import values
from experiments.run.columns.bills import Bills, bill_figures, made_whole_of
from experiments.run.columns.column import Column, ColumnName
from experiments.run.columns.figures import figures_of
from experiments.run.columns.models import (
    BillFigures,
    ColumnFigures,
    Figures,
    MadeWhole,
    Relief,
    SettledAndTrue,
    Undelivered,
)
from experiments.run.columns.relief import relief_of
from experiments.run.columns.settled import settled_and_true
from experiments.run.columns.undelivered import ordered_and_delivered, ordered_of_dso, undelivered_of
from experiments.run.dispatch.audit import DispatchAudit
from experiments.run.dispatch.figures import Dispatch, dispatch_figures
from experiments.run.grid import GridRecord
from experiments.run.incidents.figures import IncidentFigures, incident_figures
from experiments.run.incidents.incident import IncidentKind
from experiments.run.incidents.reader import incidents_of
from experiments.run.run import RunResult
from experiments.run.scenarios import Kpi, judged_beyond, kpi_of
from experiments.run.settings import RunSettings, ScenarioName
from market.ledger.verify import Verification
from market.settlement.payments import balance
from market.uftp import AcceptedDisputed

SCHEMA: Literal["iles.summary/2"] = "iles.summary/2"

_PARTS = {"safety": "power_flow"}  # jobs under the name of what they spend their time on


class Both(Figures):
    """A figure of the same days without (column `local`) and with flexibility (column `market`)."""

    without_flexibility: float
    with_flexibility: float


class BothCounts(Figures):
    """A count of the same days without (column `local`) and with flexibility (column `market`)."""

    without_flexibility: int
    with_flexibility: int


class GridFigures(Figures):
    """The power flow of the site's model on what really happened."""

    min_voltage_pu: Both
    max_voltage_pu: Both
    max_loading_pct: Both
    violations: BothCounts = Field(description="(bus or branch, ISP) outside the site's limits")


class LedgerFigures(Figures):
    """The ledger's file."""

    records: int = Field(description="0 where it is not verified")
    blocks: int
    head: str = Field(description="digest of the last block's head, hexadecimal")
    verified: bool = Field(description="every digest, chain, tree and signature was checked again after the run")


class Summary(Figures):
    """What a run comes down to. Energies in watt-hours, money in integer ten-thousandths of the currency unit."""

    schema_: Literal["iles.summary/2"] = Field(SCHEMA, alias="schema")
    site: str
    from_: str = Field(alias="from", description="first local day")
    days: int
    seed: int
    runtime: str
    wire: str
    mechanism: str = Field("pay-as-bid", description="by which the DSO pays the offers that it chooses")
    agents: dict[str, int] = Field(description="by role")
    ray_actors: int
    isps: int
    messages: int = Field(description="between agents")
    readings: int
    contracts: int
    flex_requests: int
    flex_offers: int
    flex_orders: int
    ordered_wh: int = Field(description="by the DSO")
    delivered_wh: int = Field(description="what elements under order changed of it: what is paid")
    deficiency_wh: int = Field(
        description="what the meters lacked of the promised level, the DSO's own limits left out: fined"
    )
    undelivered: Undelivered | None = None
    settlements: int = Field(description="FlexSettlement messages, of both levels")
    disputes: int = Field(description="order settlements disputed, of both levels")
    money: dict[str, int] = Field(description="party's domain -> gain; `sum` is 0")
    grid: GridFigures
    columns: dict[ColumnName, ColumnFigures] = Field(description="the same days, each run in another way")
    kpi: Kpi | None = Field(
        None, description="what `--scenario` counts, of four columns; null where none was asked for"
    )
    bills: dict[str, BillFigures] = Field(description="by prosumer's domain; positive = pays")
    made_whole: MadeWhole
    settled_vs_true: dict[str, SettledAndTrue] = Field(description="by kind of element")
    relief: Relief
    incidents: dict[IncidentKind, IncidentFigures] = Field(description="what went wrong, by kind")
    dispatch: Dispatch
    ledger: LedgerFigures
    startup_s: float
    wall_s: float
    seconds: dict[str, float] = Field(description="where the time went, summed over all hosts")

    def json_text(self) -> str:
        """As `summary.json` holds it."""
        return self.model_dump_json(by_alias=True, indent=2) + "\n"


def summarise(
    settings: RunSettings,
    result: RunResult,
    columns: dict[ColumnName, Column],
    grids: dict[ColumnName, GridRecord],
    bills: dict[ColumnName, Bills],
    dispatch: DispatchAudit,
    verification: Verification | None,
    wall_s: float,
) -> Summary:
    """Count what was published and verified, and measure every column on its own truth.

    Args:
        columns, grids, bills: every column, its power flow and its bills; local and market must be among them.
        verification: of the ledger; None where it is broken.
    """
    store = result.store
    market, local = columns[ColumnName.MARKET], columns[ColumnName.LOCAL]
    buyers = frozenset(party.domain for party in result.site.aggregators)
    dso = result.site.dso.domain
    hours = result.site.isp_minutes / 60
    settlements = values(store, SettlementTold)
    disputed = AcceptedDisputed.DISPUTED.value
    disputes = sum(
        answer.disposition == disputed for told in values(store, SettlementAnswered) for answer in told.answers
    )
    money = balance(market.payments)
    counted = last_revisions(settlements)
    of_dso = ordered_of_dso(result.site, store)
    traded = ordered_and_delivered(of_dso, hours)
    of_columns = {
        name: figures_of(
            result.site, columns[name], grids[name], bills[name].values(), result.site_agents.rules.periods, local
        )
        for name in ColumnName
        if name in columns
    }
    first = (settings.day or result.site.default_day).isoformat()
    figures = {
        "site": result.site.name,
        "days": settings.days,
        "seed": settings.seed,
        "runtime": settings.runtime,
        "wire": settings.wire,
        "mechanism": settings.mechanism,
        "agents": dict(sorted(Counter(spec.kind for spec in result.site_agents.agents).items())),
        "ray_actors": result.ray_actors,
        "isps": sum(day.count for day in result.site_agents.rules.periods),
        "messages": result.messages,
        "readings": store.reading_count,
        "contracts": len(values(store, ContractAgreed)),
        "flex_requests": len(values(store, FlexRequested)),
        "flex_offers": len(values(store, FlexOffered)),
        "flex_orders": len(values(store, OrderPlaced)),
        **traded,
        "undelivered": undelivered_of(of_dso.values(), hours),
        "settlements": len(settlements),
        "disputes": disputes,
        "money": {**money, "sum": sum(money.values())},
        "grid": _grid(grids[ColumnName.LOCAL], grids[ColumnName.MARKET]),
        "columns": of_columns,
        "kpi": None
        if settings.scenario is None
        else kpi_of(
            ScenarioName(settings.scenario),
            columns,
            of_columns,
            hours,
            result.site.batteries.one_way_efficiency.value,
            judged_beyond(ScenarioName(settings.scenario), settings, result.site, result.site_agents.rules.periods),
        ),
        "bills": bill_figures(bills),
        "made_whole": made_whole_of(market.payments, bills[ColumnName.MARKET]),
        "settled_vs_true": settled_and_true(counted, buyers, market, local, hours),
        "relief": relief_of(of_columns, market, bills, traded["delivered_wh"], dso, sorted(buyers)),
        "incidents": incident_figures(incidents_of(store, result.site_agents.rules, dso)),
        "dispatch": dispatch_figures(dispatch),
        "ledger": _ledger(verification),
        "startup_s": round(result.startup_s, 2),
        "wall_s": round(wall_s, 2),
        "seconds": {
            _PARTS.get(part, part): round(value, 3)
            for part, value in sorted({**result.seconds, "start_up": result.startup_s}.items())
        },
    }
    return Summary.model_validate({"from": first, **figures})


def _ledger(verification: Verification | None) -> LedgerFigures:
    if verification is None:
        return LedgerFigures(records=0, blocks=0, head="", verified=False)
    head = (verification.head or b"").hex()
    return LedgerFigures(records=verification.records, blocks=verification.blocks, head=head, verified=True)


def _grid(without: GridRecord, with_: GridRecord) -> GridFigures:
    def both(name: str) -> Both:
        return Both(without_flexibility=without.figures[name], with_flexibility=with_.figures[name])

    return GridFigures(
        min_voltage_pu=both("min_voltage_pu"),
        max_voltage_pu=both("max_voltage_pu"),
        max_loading_pct=both("max_loading_pct"),
        violations=BothCounts(without_flexibility=len(without.violations), with_flexibility=len(with_.violations)),
    )
