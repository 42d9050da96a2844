"""What the DSO is told at the start and what it remembers."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property

import numpy as np

from agents.planning.forecast.like_day import like_day, with_day
from agents.planning.grid_safety.assessment import Assessment, PointGrid
from agents.roles.parts.contract_negotiation import ContractingDesk
from agents.roles.parts.days import DailyDesk
from agents.roles.parts.head_cosigning import WitnessingDesk
from cim.codec.codec import wire
from cim.model.arrays import Floats
from cim.model.intervals import LocalDay
from environment.feeder import Limits, Network
from market.contracts.contract import FlexContract
from market.contracts.limits import ContractLimits
from market.ledger.records import BlockHead
from market.negotiation.concession import NegotiationPreferences
from market.negotiation.conversation import Negotiation
from market.rules import MarketRules
from market.settlement.day import lost_isps
from market.uftp import DPrognosis, FlexOffer, FlexOrder, FlexRequest, FlexSettlement, Metering


@wire("dso.Connection")
@dataclass(frozen=True, slots=True)
class GridConnection:
    """A connection in the DSO's register.

    Attributes:
        node: where it hangs.
        congestion_point, aggregator: USEF's; the aggregator is an agent's name.
        contracted_w: size of the connection.
        history_kw: metered days before the first, oldest first.
    """

    usage_point: str
    node: str
    congestion_point: str
    aggregator: str
    contracted_w: int
    history_kw: tuple[Floats, ...]


@wire("dso.Config")
@dataclass(frozen=True)
class DsoConfig:
    """The DSO's own config.

    Attributes:
        points: its congestion points, those furthest down first: what is mended below helps above.
        margin_pct: how far below the limit it wants prognoses to stay.
        gate_isps: an ISP can be ordered until so many ISPs before it starts (intraday gate closure).
        lookahead_isps: on the day itself it orders at most so many ISPs beyond the gate: the rest can wait for a
            better prognosis.
        buying: its prices for flexibility.
        limits_of_contracts: of those it proposes.
        option_share_up, option_share_down: of the connections' size, what its option covers.
        term_days: the term of the contracts it proposes: their last day is so many days after the first.
    """

    market: str
    ledger: str
    network: Network
    limits: Limits
    points: tuple[PointGrid, ...]
    connections: tuple[GridConnection, ...]
    aggregators: tuple[str, ...]
    buying: NegotiationPreferences
    limits_of_contracts: ContractLimits
    option_share_up: float
    option_share_down: float
    margin_pct: float
    gate_isps: int
    lookahead_isps: int
    term_days: int

    def at(self, point: str) -> tuple[GridConnection, ...]:
        """The connections registered at a congestion point."""
        return tuple(c for c in self.connections if c.congestion_point == point)

    def sellers(self, point: str) -> tuple[str, ...]:
        """The aggregators with connections at a congestion point, in order."""
        return tuple(sorted({c.aggregator for c in self.at(point)}))

    @cached_property
    def pairs(self) -> tuple[tuple[str, str], ...]:
        """Every (aggregator, congestion point) that owes a prognosis."""
        return tuple((seller, point.identity) for point in self.points for seller in self.sellers(point.identity))


@wire("dso.Round")
@dataclass(frozen=True, slots=True)
class TradingRound:
    """One congestion point's round of trading on a period.

    Attributes:
        todo: congestion points still to look at after this one.
        assessment: what the analysis found.
        asked: sellers whose offer is still out.
        offers: what came, by seller.
    """

    period: str
    point: str
    todo: tuple[str, ...]
    assessment: Assessment | None
    asked: tuple[str, ...]
    offers: dict[str, FlexOffer]


@wire("dso.State")
@dataclass(slots=True)
class DsoState:
    """What the DSO must remember; keys `place` are `seller|congestion point|period`."""

    prognoses: dict[str, DPrognosis] = field(default_factory=dict)
    by_id: dict[str, DPrognosis] = field(default_factory=dict)
    fresh: dict[str, tuple[str, ...]] = field(default_factory=dict)  # period -> `seller|point` heard in this cycle
    rounds: dict[str, TradingRound] = field(default_factory=dict)  # period -> running round
    requests: dict[str, FlexRequest] = field(default_factory=dict)  # message id -> request
    requested_w: dict[str, dict[int, int]] = field(default_factory=dict)  # place -> ISP -> asked at last
    offered_w: dict[str, dict[int, int]] = field(default_factory=dict)  # place -> ISP -> offered at last
    filed: dict[str, tuple[FlexOrder, ...]] = field(default_factory=dict)  # reference -> orders to send
    orders: dict[str, tuple[FlexOrder, ...]] = field(default_factory=dict)  # place -> orders
    baselines: dict[str, dict[int, int]] = field(default_factory=dict)  # place -> ISP -> watts at first order
    revisions: dict[str, int] = field(default_factory=dict)  # place -> of the last request
    late: dict[str, datetime] = field(default_factory=dict)  # period -> until when its settlement was put off
    contracts: dict[str, tuple[FlexContract, ...]] = field(default_factory=dict)  # seller -> contracts
    metering: dict[str, Metering] = field(default_factory=dict)  # usage point|period
    history_kw: dict[str, tuple[Floats, ...]] = field(default_factory=dict)  # usage point -> metered days
    settled: tuple[str, ...] = ()
    told: dict[str, tuple[str, ...]] = field(default_factory=dict)  # period -> sellers settled before a loss
    settlements: dict[str, FlexSettlement] = field(default_factory=dict)
    talks: dict[str, Negotiation] = field(default_factory=dict)
    head: BlockHead | None = None
    forgotten: tuple[str, ...] = ()  # what a loss of everything left nothing of


class DsoBase(ContractingDesk[DsoState], DailyDesk[DsoState], WitnessingDesk[DsoState]):
    """What all the DSO's desks share."""

    def __init__(self, name: str, rules: MarketRules, key: bytes, config: DsoConfig) -> None:
        history = {c.usage_point: c.history_kw for c in config.connections}
        super().__init__(name, rules, key, DsoState(history_kw=history))
        self.config = config
        self.ledger = config.ledger
        self.points = {point.identity: point for point in config.points}

    def expected_w(self, seller: str, point: str, day: LocalDay) -> Floats:
        """[T] what a seller's portfolio will draw: what it promised where something is ordered, else its prognosis."""
        key = place(seller, point, day)
        prognosis = self.state.prognoses.get(key)
        if prognosis is None:
            usual = [
                like_day(self.state.history_kw[c.usage_point], day.count) for c in self._connections(seller, point)
            ]
            expected: Floats = np.sum(usual, axis=0) * 1000
        else:
            expected = np.array(prognosis.power_w, dtype=np.float64)
        baselines = self.state.baselines.get(key)
        if baselines:
            ordered = self.ordered_w(key)
            for isp, baseline in baselines.items():
                expected[isp - 1] = baseline + ordered.get(isp, 0)
        return expected

    def ordered_w(self, key: str) -> dict[int, int]:
        """ISP -> watts ordered so far at a place."""
        total: dict[int, int] = {}
        for order in self.state.orders.get(key, ()):
            for row in order.isps:
                total[row.start] = total.get(row.start, 0) + row.power_w
        return total

    def into_history(self, metering: Metering) -> None:
        """A connection's day counts for the next analyses, if its meter saw all of it."""
        profile = metering.profile("Power")
        if profile is not None and not lost_isps([metering]):
            history = self.state.history_kw
            history[metering.ean] = with_day(history[metering.ean], np.array(profile.values, dtype=np.float64) / 1000)

    def _connections(self, seller: str, point: str) -> tuple[GridConnection, ...]:
        return tuple(c for c in self.config.at(point) if c.aggregator == seller)

    def node_powers(self, day: LocalDay) -> tuple[tuple[str, ...], tuple[Floats, ...]]:
        """Expected net power [T] of each node: prognoses shared out by what the meters showed on the last days."""
        nodes: dict[str, Floats] = {}
        for seller, point in self.config.pairs:
            members = self._connections(seller, point)
            usual = np.array([like_day(self.state.history_kw[c.usage_point], day.count) for c in members]) * 1000
            rest = self.expected_w(seller, point, day) - usual.sum(axis=0)
            size = sum(c.contracted_w for c in members)
            for connection, power in zip(members, usual, strict=True):
                own = power + rest * (connection.contracted_w / size)
                known = nodes.get(connection.node)
                nodes[connection.node] = own if known is None else known + own
        names = tuple(sorted(nodes))
        return names, tuple(nodes[name] for name in names)


def place(seller: str, point: str, day: LocalDay) -> str:
    """The key of what belongs to one seller at one congestion point on one day."""
    return f"{seller}|{point}|{day.key}"
