"""What an aggregator is told at the start: whom it deals with, its portfolio, its prices and limits."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from functools import cached_property

from agents.planning.balancing.offers import BalancingTerms
from agents.planning.dispatch.admm import PENALTY
from cim.codec.codec import wire
from cim.model.grouping import grouped
from market.billing.tariff import Tariff
from market.contracts.contract import FlexContract
from market.contracts.limits import ContractLimits
from market.negotiation.concession import NegotiationPreferences
from market.register.agreed_switches import Agreed, KnownDays
from market.register.providers import ALWAYS, ServedDays

_E4_PER_CT = 100


@wire("aggregator.Member")
@dataclass(frozen=True, slots=True)
class Member:
    """One prosumer of the portfolio.

    Attributes:
        usage_point, congestion_point: its connection, and where that hangs.
        carries_w: what its connection can carry; 0 where nobody knows.
        tariff: what its energy costs, by which its claims are judged; None where nobody knows.
        days: on which it belongs to the portfolio.
    """

    name: str
    usage_point: str
    congestion_point: str
    carries_w: int = 0
    tariff: Tariff | None = None
    days: Sequence[ServedDays] = ALWAYS

    def is_on(self, day: date) -> bool:
        """Whether it belongs to the portfolio on a local day."""
        return any(days.has(day) for days in self.days)


@wire("aggregator.StandingTerms")
@dataclass(frozen=True, slots=True)
class StandingTerms:
    """What an aggregator offers without being asked, at each of its congestion points.

    Attributes:
        from_hour, to_hour: local; the ISPs in between.
        moved_w: at most, positive towards consumption.
        valid_min: how long an offer stands, minutes; longer than from one prognosis to the next, it can be ordered on that.
        gate_isps: no ISP is offered that could not be ordered any more while the offer stands.
    """

    from_hour: int
    to_hour: int
    moved_w: int
    valid_min: int
    gate_isps: int


@wire("aggregator.Config")
@dataclass(frozen=True)
class AggregatorConfig:
    """An aggregator's own config.

    Attributes:
        dso, market, ledger: agents it deals with (market = the ILES manager, also CRO).
        members: all that ever belong to its portfolio, or may: a member without days can come while the site lives.
        buying, selling: its prices for its members' flexibility, and for what it sells to the DSO.
        limits: of the contracts it proposes to its members.
        plant_from_w: a member whose elements can raise consumption by more gets a plant's contract.
        margin_pct: what it adds to its members' price in an offer.
        shortage_ct_per_kwh: what it gives a request not met; above all its members' prices.
        term_days: the term of the contracts it proposes: their last day is so many days after the first.
        penalty_ct_per_kw2: first penalty of the ADMM.
        keeping_share: of what its members ask, what keeping a promise is assumed to cost beside it, until it learns.
        notice_days: by which either side may end a member's contract alone; 0: only both together.
        standing: what it offers without being asked; None: nothing.
        coordinated: the DSO coordinates all sellers at a congestion point, where there are several: it tells the DSO its
            members' sums and passes on what comes back.
        balancing: how it offers balancing energy to the pool; None: nobody buys any.
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
    standing: StandingTerms | None = None
    keeping_share: float = 0.0
    notice_days: int = 0
    coordinated: bool = False
    balancing: BalancingTerms | None = None

    @cached_property
    def congestion_points(self) -> tuple[str, ...]:
        """The congestion points at which it ever has members, in order."""
        return tuple(sorted(point for point, members in self._at.items() if any(one.days for one in members)))

    def following(self, aggregator: str, agreed: Agreed) -> AggregatorConfig:
        """The same whose members' days follow the switches that are agreed while the site lives, as known when asked.

        Args:
            aggregator: whose config it is, an agent.
        """
        members = (replace(one, days=KnownDays(one.days, one.usage_point, aggregator, agreed)) for one in self.members)
        return replace(self, members=tuple(members))

    def forget_points(self) -> None:
        """Another switch is known: at which congestion points it has members is worked out anew."""
        self.__dict__.pop("congestion_points", None)

    def at(self, congestion_point: str, day: date) -> tuple[str, ...]:
        """The members of a congestion point on a local day, in order."""
        return tuple(sorted(m.name for m in self._at.get(congestion_point, ()) if m.is_on(day)))

    @cached_property
    def _at(self) -> dict[str, tuple[Member, ...]]:
        return grouped(self.members, lambda member: member.congestion_point)

    def members_on(self, day: date) -> tuple[Member, ...]:
        """The portfolio of a local day."""
        return tuple(member for member in self.members if member.is_on(day))

    def by_name(self) -> dict[str, Member]:
        """All that ever are members, by their agents' names."""
        return {member.name: member for member in self.members}

    @property
    def dearest_e4_per_kwh(self) -> int:
        """Above it nothing would ever be called."""
        return round(self.shortage_ct_per_kwh * _E4_PER_CT)

    def too_dear(self, contract: FlexContract) -> str | None:
        """Which element of a contract costs more than would ever be called, in words, or None."""
        prices = {element.name: contract.price_e4_per_kwh(element.name) for element in contract.flex_elements}
        over = next((name for name, price in prices.items() if price > self.dearest_e4_per_kwh), None)
        if over is None:
            return None
        return f"volume_price_e4_per_kwh: {prices[over]} of {over}; above {self.dearest_e4_per_kwh} it is never called"

    def preferences(self, contract: FlexContract, domain: str) -> NegotiationPreferences:
        """What this aggregator (its domain) wants of a contract: it buys from members and sells to the DSO."""
        return (self.buying if contract.buyer == domain else self.selling).for_contract(contract)
