"""The summary of a run: a documented, versioned schema (docs/summary.md)."""

from __future__ import annotations

from collections import Counter
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from cim.platform.publications.agreements import ContractAgreed
from cim.platform.publications.sessions import SessionConcluded
from cim.platform.publications.settlement import PaymentRow, PaymentsMade, SettlementAnswered, SettlementTold
from cim.platform.publications.trading import FlexOffered, FlexRequested, OrderPlaced
from cim.platform.store import values
from experiments.run.gap import Gap
from experiments.run.grid import GridRecord
from experiments.run.run import RunResult
from experiments.run.settings import RunSettings
from market.ledger.verify import Verification
from market.settlement.payments import Payment, balance
from market.uftp import AcceptedDisputed

SCHEMA: Literal["iles.summary/1"] = "iles.summary/1"

_PARTS = {"safety": "power_flow"}  # jobs under the name of what they spend their time on


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)


class Both(_Part):
    """A figure of the same days without and with flexibility."""

    without_flexibility: float
    with_flexibility: float


class BothCounts(_Part):
    """A count of the same days without and with flexibility."""

    without_flexibility: int
    with_flexibility: int


class GridFigures(_Part):
    """The power flow of the site's model on what really happened."""

    min_voltage_pu: Both
    max_voltage_pu: Both
    max_loading_pct: Both
    violations: BothCounts = Field(description="(bus or branch, ISP) outside the site's limits")


class Dispatch(_Part):
    """The virtual power plants' ADMM."""

    sessions: int
    rounds: int = Field(description="of the longest session")
    relative_gap: float = Field(description="cost over the central optimum (cvxpy), over the sessions compared")
    compared: int = Field(description="sessions solved centrally for the gap")


class LedgerFigures(_Part):
    """The ledger's file."""

    records: int
    blocks: int
    head: str = Field(description="digest of the last block's head, hexadecimal")
    verified: bool


class Summary(_Part):
    """What a run comes down to. Energies in watt-hours, money in integer ten-thousandths of the currency unit."""

    schema_: Literal["iles.summary/1"] = Field(SCHEMA, alias="schema")
    site: str
    from_: str = Field(alias="from", description="first local day")
    days: int
    seed: int
    runtime: str
    wire: str
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
    delivered_wh: int
    deficiency_wh: int
    settlements: int = Field(description="FlexSettlement messages, of both levels")
    disputes: int = Field(description="order settlements disputed, of both levels")
    money: dict[str, int] = Field(description="party's domain -> gain; `sum` is 0")
    grid: GridFigures
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
    without: GridRecord,
    with_: GridRecord,
    gap: Gap,
    verification: Verification,
    wall_s: float,
) -> Summary:
    """Count what was published and verified."""
    store = result.store
    dso = result.site.dso.domain
    hours = result.site.isp_minutes / 60
    settlements = values(store, SettlementTold)
    rows = [row for told in settlements if told.buyer == dso for order in told.orders for row in order.isps]
    disputed = AcceptedDisputed.DISPUTED.value
    disputes = sum(
        answer.disposition == disputed for told in values(store, SettlementAnswered) for answer in told.answers
    )
    money = balance(payment_of(row) for made in values(store, PaymentsMade) for row in made.payments)
    first = (settings.day or result.site.default_day).isoformat()
    figures = {
        "site": result.site.name,
        "days": settings.days,
        "seed": settings.seed,
        "runtime": settings.runtime,
        "wire": settings.wire,
        "agents": dict(sorted(Counter(spec.kind for spec in result.site_agents.agents).items())),
        "ray_actors": result.ray_actors,
        "isps": sum(day.count for day in result.site_agents.rules.periods),
        "messages": result.messages,
        "readings": store.reading_count,
        "contracts": len(values(store, ContractAgreed)),
        "flex_requests": len(values(store, FlexRequested)),
        "flex_offers": len(values(store, FlexOffered)),
        "flex_orders": len(values(store, OrderPlaced)),
        "ordered_wh": round(sum(abs(row.ordered_flex_power_w) for row in rows) * hours),
        "delivered_wh": round(sum(abs(row.delivered_flex_power_w) for row in rows) * hours),
        "deficiency_wh": round(sum(row.power_deficiency_w for row in rows) * hours),
        "settlements": len(settlements),
        "disputes": disputes,
        "money": {**money, "sum": sum(money.values())},
        "grid": _grid(without, with_),
        "dispatch": Dispatch(
            sessions=len(values(store, SessionConcluded)),
            rounds=gap.rounds,
            relative_gap=round(gap.relative_gap, 6),
            compared=gap.sessions,
        ),
        "ledger": LedgerFigures(
            records=verification.records,
            blocks=verification.blocks,
            head=(verification.head or b"").hex(),
            verified=True,
        ),
        "startup_s": round(result.startup_s, 2),
        "wall_s": round(wall_s, 2),
        "seconds": {
            _PARTS.get(part, part): round(value, 3)
            for part, value in sorted({**result.seconds, "start_up": result.startup_s}.items())
        },
    }
    return Summary.model_validate({"from": first, **figures})


def payment_of(row: PaymentRow) -> Payment:
    """A published payment as the market's value."""
    return Payment(row.payer, row.payee, row.amount_e4, row.reason, row.reference, row.currency)


def _grid(without: GridRecord, with_: GridRecord) -> GridFigures:
    def both(name: str) -> Both:
        return Both(without_flexibility=without.figures[name], with_flexibility=with_.figures[name])

    return GridFigures(
        min_voltage_pu=both("min_voltage_pu"),
        max_voltage_pu=both("max_voltage_pu"),
        max_loading_pct=both("max_loading_pct"),
        violations=BothCounts(without_flexibility=len(without.violations), with_flexibility=len(with_.violations)),
    )
