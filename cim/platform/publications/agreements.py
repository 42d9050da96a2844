"""What was brought to the market and what was agreed about it. Amounts are in ten-thousandths of the currency unit."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime

from cim.codec.codec import wire
from cim.platform.publications.base import Publication


@wire("published.RegisteredAsset")
@dataclass(frozen=True, slots=True)
class RegisteredAsset:
    """A flexible asset in the market's register; generation is negative."""

    name: str
    kind: str
    owner: str
    usage_point: str
    congestion_point: str
    max_consumption_w: int
    max_generation_w: int
    can_increase: bool
    can_decrease: bool


@wire("published.AssetsRegistered")
@dataclass(frozen=True, slots=True)
class AssetsRegistered(Publication):
    """An owner brought its assets to the market (S01)."""

    assets: tuple[RegisteredAsset, ...]


@wire("published.UnitMoved")
@dataclass(frozen=True, slots=True)
class UnitMoved:
    """What happened to a controllable unit in the flexibility register, and where it stands now.

    Attributes:
        provider: domain of who may market it.
        congestion_point: where it is prequalified; empty before.
        reason: of a refusal or a limit.
    """

    unit: str
    product: str
    event: str
    state: str
    provider: str
    congestion_point: str
    reason: str


@wire("published.UnitsMoved")
@dataclass(frozen=True, slots=True)
class UnitsMoved(Publication):
    """A party (`by`, a domain) moved units in the flexibility register."""

    by: str
    units: tuple[UnitMoved, ...]


@wire("published.ConnectionSwitched")
@dataclass(frozen=True, slots=True)
class ConnectionSwitched(Publication):
    """An owner's change of aggregator, asked for while the site lives, is recorded.

    Attributes:
        usage_point: of the connection.
        owner, former, aggregator: domains.
        day, begins: the first local day with the new one, and its midnight, UTC.
    """

    usage_point: str
    owner: str
    former: str
    aggregator: str
    day: date
    begins: datetime


@wire("published.RankedUnit")
@dataclass(frozen=True, slots=True)
class RankedUnit:
    """A unit that an aggregator found: its score and each term of it in words and numbers; or why it was passed over."""

    unit: str
    score: float
    terms: tuple[str, ...]
    passed_over: str


@wire("published.UnitsRanked")
@dataclass(frozen=True, slots=True)
class UnitsRanked(Publication):
    """What an aggregator found in the register, best first, then what it passed over."""

    aggregator: str
    units: tuple[RankedUnit, ...]


@wire("published.NegotiationMoved")
@dataclass(frozen=True, slots=True)
class NegotiationMoved(Publication):
    """A contract negotiation came into another state than agreement; `peer` is the agent that spoke last."""

    peer: str
    state: str


@wire("published.TemplatePublished")
@dataclass(frozen=True, slots=True)
class TemplatePublished(Publication):
    """A contract template that an aggregator (`publisher`, a domain) published; the fields are those of `ContractAgreed`."""

    publisher: str
    template: str
    version: int
    days_of_week: tuple[int, ...]
    start_minute: int
    end_minute: int
    max_activations: int
    counted_per: str
    max_runtime_isps: int
    recovery_isps: int
    penalty_e4_per_kwh: int
    capacity_price_e4_per_kw_day: int
    volume_price_e4_per_kwh: int
    activation_price: str
    reserved: bool


@wire("published.ContractEnded")
@dataclass(frozen=True, slots=True)
class ContractEnded(Publication):
    """A contract that ends before its term: its last local day, and who gave notice (a domain; empty: both consent)."""

    contract_id: str
    last_day: date
    by: str


@wire("published.ContractElement")
@dataclass(frozen=True, slots=True)
class ContractElement:
    """A flexible element of a contract, how far it can move its power, and its own price if it has one."""

    name: str
    kind: str
    max_increase_w: int
    max_decrease_w: int
    volume_price_e4_per_kwh: int | None = None


@wire("published.ContractAgreed")
@dataclass(frozen=True, slots=True)
class ContractAgreed(Publication):
    """A flexibility contract with all its parameters (S02); buyer and seller are domains.

    Attributes:
        days_of_week: 1 = Monday.
        start_minute, end_minute: of the local day, when it may be activated.
        amount_up_w, amount_down_w: power reserved in either direction.
        max_activations: per `counted_per`.
        penalty_e4_per_kwh, capacity_price_e4_per_kw_day, volume_price_e4_per_kwh: the prices.
        activation_price: whether the volume price is fixed or the highest that may be asked.
        reserved: whether the amount stands by; a framework's is only the most that may be called.
    """

    contract_id: str
    buyer: str
    seller: str
    start_date: date
    end_date: date
    days_of_week: tuple[int, ...]
    start_minute: int
    end_minute: int
    isp_minutes: int
    elements: tuple[ContractElement, ...]
    amount_up_w: int
    amount_down_w: int
    max_activations: int
    counted_per: str
    max_runtime_isps: int
    recovery_isps: int
    penalty_e4_per_kwh: int
    capacity_price_e4_per_kw_day: int
    volume_price_e4_per_kwh: int
    activation_price: str
    currency: str
    reserved: bool = True
