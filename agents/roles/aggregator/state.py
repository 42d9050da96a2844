"""What an aggregator is told at the start and what it remembers."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime

import numpy as np

from agents.planning.dispatch.admm import PENALTY, Coordination
from agents.roles.parts.contract_negotiation import ContractingDesk
from agents.roles.parts.days import DailyDesk
from agents.roles.parts.head_cosigning import WitnessingDesk
from cim.codec.codec import wire
from cim.model.arrays import Floats
from cim.model.intervals import LocalDay
from market.contracts.contract import FlexContract
from market.contracts.limits import ContractLimits
from market.ledger.records import BlockHead
from market.negotiation.concession import NegotiationPreferences
from market.negotiation.conversation import Negotiation
from market.rules import MarketRules
from market.uftp import DPrognosis, FlexOffer, FlexOrder, FlexRequest, FlexSettlement, Metering


@wire("aggregator.Member")
@dataclass(frozen=True, slots=True)
class Member:
    """One prosumer of the portfolio and where its connection hangs."""

    name: str
    usage_point: str
    congestion_point: str


@wire("aggregator.Config")
@dataclass(frozen=True, slots=True)
class AggregatorConfig:
    """An aggregator's own config.

    Attributes:
        dso, market, ledger: agents it deals with (market = the ILES manager, also CRO).
        members: its portfolio.
        buying, selling: its prices for its members' flexibility, and for what it sells to the DSO.
        limits: of the contracts it proposes to its members.
        plant_from_w: a member whose elements can raise consumption by more gets a plant's contract.
        margin_pct: what it adds to its members' price in an offer.
        shortage_ct_per_kwh: what it gives a request not met; above all its members' prices.
        term_days: the term of the contracts it proposes: their last day is so many days after the first.
        penalty_ct_per_kw2: first penalty of the ADMM.
    """

    dso: str
    market: str
    ledger: str
    members: tuple[Member, ...]
    buying: NegotiationPreferences
    selling: NegotiationPreferences
    limits: ContractLimits
    plant_from_w: int
    margin_pct: int
    shortage_ct_per_kwh: float
    term_days: int
    penalty_ct_per_kw2: float = PENALTY

    @property
    def congestion_points(self) -> tuple[str, ...]:
        """The congestion points at which it has members, in order."""
        return tuple(sorted({member.congestion_point for member in self.members}))

    def at(self, congestion_point: str) -> tuple[str, ...]:
        """The members of a congestion point, in order."""
        return tuple(sorted(m.name for m in self.members if m.congestion_point == congestion_point))


@wire("aggregator.Session")
@dataclass(frozen=True, slots=True)
class VppSession:
    """A running split: what for, over which ISPs, who takes part, and how far it is.

    Attributes:
        opened_at: when it was wanted; of those that wait the oldest begins first.
        purpose: `offer` (a request's answer) or `hold` (keeping a promise).
        reference: message id of the request, or what makes the correction necessary.
        waiting: members whose answer of this round is still out.
        profiles_kw: last answer by member.
        elements: element names by member.
        baselines: by element: watts on the session's ISPs.
    """

    identity: str
    opened_at: datetime
    purpose: str
    reference: str
    congestion_point: str
    period: date
    first_isp: int
    last_isp: int
    first_share: float
    low_kw: Floats
    high_kw: Floats
    waiting: tuple[str, ...]
    profiles_kw: dict[str, Floats]
    elements: dict[str, tuple[str, ...]]
    baselines: dict[str, tuple[int, ...]]
    coordination: Coordination | None = None

    @property
    def rank(self) -> tuple[datetime, bool, date, int, str]:
        """Its place in the queue, by nothing but what it is for: promises before new business."""
        return self.opened_at, self.purpose != "hold", self.period, self.first_isp, self.identity


@wire("aggregator.ElementOrder")
@dataclass(frozen=True, slots=True)
class ElementPart:
    """An element's part of a member order: (ISP, baseline, ordered), watts."""

    order_reference: str
    period: str
    member: str
    element: str
    isps: tuple[tuple[int, int, int], ...]


@wire("aggregator.State")
@dataclass(slots=True)
class AggregatorState:
    """What an aggregator must remember; keys `place` are `congestion point|period`."""

    forecasts: dict[str, dict[str, DPrognosis]] = field(default_factory=dict)  # period -> member
    fresh: dict[str, tuple[str, ...]] = field(default_factory=dict)  # period -> members heard in this cycle
    prognoses: dict[str, DPrognosis] = field(default_factory=dict)  # place -> last sent
    sent: dict[str, DPrognosis] = field(default_factory=dict)  # message id -> what was sent
    revisions: dict[str, int] = field(default_factory=dict)  # place -> of the last prognosis
    requests: dict[str, FlexRequest] = field(default_factory=dict)  # message id -> request
    room: dict[str, tuple[Floats, Floats]] = field(default_factory=dict)  # place -> [T] kW the DSO left, down and up
    sessions: dict[str, VppSession] = field(default_factory=dict)
    queue: tuple[VppSession, ...] = ()  # sessions waiting for the running one of their congestion point
    offers: dict[str, tuple[FlexOffer, VppSession]] = field(default_factory=dict)  # message id -> offer, its session
    orders: tuple[FlexOrder, ...] = ()  # from the DSO
    baselines: dict[str, dict[int, int]] = field(default_factory=dict)  # place -> ISP -> watts, frozen at first order
    filed: dict[str, tuple[FlexOrder, ...]] = field(default_factory=dict)  # reference -> member orders to send
    order_sessions: dict[str, VppSession] = field(default_factory=dict)  # member order reference -> session
    parts: tuple[ElementPart, ...] = ()
    order_member: dict[str, str] = field(default_factory=dict)
    answers: dict[str, FlexOrder] = field(default_factory=dict)  # reference -> the DSO's order, accepted once recorded
    interval_at: dict[str, datetime] = field(default_factory=dict)  # congestion point -> end of the last interval
    interval_kw: dict[str, dict[str, float]] = field(default_factory=dict)  # congestion point -> member -> kW in it
    due: dict[str, datetime] = field(default_factory=dict)  # congestion point -> interval still to be held to a promise
    metered_at: dict[str, datetime] = field(default_factory=dict)  # member -> until when its energy is booked
    isp_at: dict[str, datetime] = field(default_factory=dict)  # congestion point -> start of the running ISP
    isp_kwh: dict[str, dict[str, float]] = field(default_factory=dict)  # congestion point -> member -> energy in it
    asked: int = 0  # how often the market was asked for the members' assets
    contracts: dict[str, tuple[FlexContract, ...]] = field(default_factory=dict)  # member or DSO -> contracts
    metering: dict[str, Metering] = field(default_factory=dict)  # ean|period
    settlements: dict[str, FlexSettlement] = field(default_factory=dict)
    settled: tuple[str, ...] = ()  # periods
    owed: dict[str, FlexSettlement] = field(default_factory=dict)  # period -> the DSO's, not answered yet
    answered: dict[str, str] = field(default_factory=dict)  # period -> the DSO's, message id
    late: dict[str, datetime] = field(default_factory=dict)  # period -> until when its settlement was put off
    member_orders: dict[str, FlexOrder] = field(default_factory=dict)  # order reference -> order
    activated: dict[str, tuple[datetime, ...]] = field(default_factory=dict)  # member -> ISPs activated, their starts
    talks: dict[str, Negotiation] = field(default_factory=dict)
    head: BlockHead | None = None
    told: dict[str, tuple[str, ...]] = field(default_factory=dict)  # period -> members settled before a loss
    recalled: datetime | None = None  # when everything was lost; what was metered before is not known
    forgotten: tuple[str, ...] = ()  # what that left nothing of


class AggregatorBase(ContractingDesk[AggregatorState], DailyDesk[AggregatorState], WitnessingDesk[AggregatorState]):
    """What all the aggregator's desks share."""

    def __init__(self, name: str, rules: MarketRules, key: bytes, config: AggregatorConfig) -> None:
        super().__init__(name, rules, key, AggregatorState())
        self.config = config
        self.ledger = config.ledger
        self.members = {member.name: member for member in config.members}

    def ordered_kw(self, congestion_point: str, day: LocalDay) -> Floats:
        """[T] kW the DSO ordered at a congestion point on a day."""
        total = np.zeros(day.count)
        for order in self.state.orders:
            if order.congestion_point == congestion_point and order.period == day.day:
                for row in order.isps:
                    total[row.start - 1 : row.start - 1 + row.duration] += row.power_w / 1000
        return total

    def promise_kw(self, congestion_point: str, day: LocalDay, ordered: Floats) -> Floats:
        """[T] kW promised (baseline + `ordered_kw`) where something is ordered, NaN elsewhere."""
        promise = np.full(day.count, np.nan)
        for isp, baseline in self.state.baselines.get(place(congestion_point, day.day), {}).items():
            promise[isp - 1] = baseline / 1000 + ordered[isp - 1]
        return promise


def place(congestion_point: str, period: date) -> str:
    """The key of what belongs to one congestion point on one day."""
    return f"{congestion_point}|{period.isoformat()}"
