"""What the DSO is told at the start: its register of connections, its network, its limits and prices."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from functools import cached_property

from agents.planning.grid_safety.assessment import PointGrid
from agents.roles.dso.service_terms import ServiceTerms
from cim.codec.codec import wire
from cim.model.arrays import Floats
from cim.model.grouping import grouped
from environment.feeder import Limits, Line, Network, QvInverter
from environment.feeder.parts import parts_of
from market.billing.tariff import Tariff
from market.contracts.connection_terms import NOTHING_AGREED, ConnectionTerms, Usage, usage_fault
from market.contracts.contract import FlexContract
from market.contracts.limits import ContractLimits
from market.contracts.service_level import SERVICE
from market.negotiation.concession import NegotiationPreferences
from market.register.agreed_switches import Agreed, KnownSwitches
from market.register.prequalification import ProductRules
from market.register.providers import ProviderSwitch, aggregator_on
from market.register.units import UnitLimit
from market.uftp import OfferOption


@wire("dso.Connection")
@dataclass(frozen=True, slots=True)
class GridConnection:
    """A connection in the DSO's register.

    Attributes:
        node: where it hangs.
        congestion_point: USEF's.
        aggregator: an agent's name, before the first switch; `aggregator_on` says whose it is on a day.
        contracted_w: size of the connection.
        history_kw: metered days before the first, oldest first.
        history_kvar: the same of reactive power.
        carries_w: the most that can flow there, either way; 0 where nobody knows.
        terms: what is agreed of it beside the market.
        owner: whose it is, an agent's name; empty where nobody is to be told of limits by hand and of works.
        switches: to other aggregators, in the order of their days.
        largest_unit, largest_unit_w: of the units registered there, the one with the largest rating, either way.
        limitable_w: ratings of the devices there that a limit of consumption in an emergency holds.
    """

    usage_point: str
    node: str
    congestion_point: str
    aggregator: str
    contracted_w: int
    history_kw: tuple[Floats, ...]
    history_kvar: tuple[Floats, ...] = ()
    carries_w: int = 0
    terms: ConnectionTerms = NOTHING_AGREED
    owner: str = ""
    switches: Sequence[ProviderSwitch] = ()
    largest_unit: str = ""
    largest_unit_w: int = 0
    limitable_w: tuple[int, ...] = ()


@wire("dso.MeteredPoint")
@dataclass(frozen=True, slots=True)
class MeteredPoint:
    """A congestion point with a substation meter: the meter's name, and the apparent power that the point may carry."""

    point: str
    meter: str
    allowed_va: float


@wire("dso.PlantConnection")
@dataclass(frozen=True, slots=True)
class PlantConnection:
    """A connection with PV or wind plants: whose it is (an agent), all congestion points above it, the plants' rating.

    `tariff` is what its customer earns for feed-in and pays for power from the grid: what a limit costs; `terms`, what is
    agreed of the connection beside the market.
    """

    usage_point: str
    owner: str
    points: tuple[str, ...]
    rated_w: int
    tariff: Tariff
    terms: ConnectionTerms = NOTHING_AGREED


@wire("dso.FeedInControl")
@dataclass(frozen=True, slots=True)
class FeedInControl:
    """The DSO's right to limit feed-in.

    Attributes:
        meters: of the congestion points, those furthest down first.
        plants: connections whose plants it may limit.
        watch_pct: of what a point may carry; from there on plants are asked for their state.
        reserve_pct: how far below the limit the mean of an ISP is held.
        relax_pct: of a plant's rating; a limit is relaxed by no less.
    """

    meters: tuple[MeteredPoint, ...]
    plants: tuple[PlantConnection, ...]
    watch_pct: float
    reserve_pct: float
    relax_pct: float


@wire("dso.BuyingRules")
@dataclass(frozen=True, slots=True)
class BuyingRules:
    """How surely something must be needed before it is bought.

    Attributes:
        sure_pct: the chance with which it is needed, while it can still be bought later.
        last_pct: the same at the last gate; what is needed less surely is left to the DSO's own right.
        assumed_error_pct: standard deviation of a prognosis by class of lead (`error_quantiles.LEADS`), of the most that the
            portfolio showed at that time of day; before anything is learned.
        minimum_w, minimum_wh: less is not asked for.
    """

    sure_pct: float
    last_pct: float
    assumed_error_pct: tuple[float, ...]
    minimum_w: int
    minimum_wh: int

    def worth_ordering(self, option: OfferOption, factor_pct: int, hours: float) -> bool:
        """Whether an option, ordered by a factor, is no smaller than the minimum bid; `hours` is an ISP's length."""
        rows = option.activated(factor_pct)[1]
        energy_wh = sum(abs(row.power_w) * row.duration for row in rows) * hours
        return max(abs(row.power_w) for row in rows) >= self.minimum_w and energy_wh >= self.minimum_wh


@wire("dso.OutsidePrices")
@dataclass(frozen=True, slots=True)
class OutsidePrices:
    """What the DSO's other means cost it, so that an offer may cost no more.

    Attributes:
        last_resort_pct: of what its own curtailment pays; above 100, because that is its last resort.
        reinforcement_e4_per_kwh: what a stronger grid would cost for each kWh that is above its limits today.
    """

    last_resort_pct: int
    reinforcement_e4_per_kwh: int


@wire("dso.OptionRelease")
@dataclass(frozen=True, slots=True)
class OptionRelease:
    """When the DSO gives back what it will not need, and where: below so many percent of what a point's branch carries.

    Attributes:
        hour: local, of the day before.
    """

    hour: int
    below_pct: float


@wire("dso.OptionTerms")
@dataclass(frozen=True, slots=True)
class OptionTerms:
    """What of the sellers' portfolios its options cover, and when: what a year's analysis lets expect to be needed.

    Attributes:
        share_up, share_down: of the connections' size.
        first_month, last_month: both included.
        start_minute, end_minute: after local midnight, the end excluded.
        release: what is given back the day before; None: nothing ever is.
    """

    share_up: float
    share_down: float
    first_month: int
    last_month: int
    start_minute: int
    end_minute: int
    release: OptionRelease | None = None


@wire("dso.PlannedRestriction")
@dataclass(frozen=True, slots=True)
class PlannedRestriction:
    """A unit that the DSO restricts for a time, for example while a cable is mended."""

    unit: str
    limit: UnitLimit
    reason: str


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
        option: what its options cover, and when.
        term_days: the term of the contracts it proposes: their last day is so many days after the first.
        curtailing: its right to limit feed-in; None where it has no meters for it.
        restrictions: of units, planned; one a unit.
        buying_rules: how surely something must be needed.
        outside: what its other means cost.
        product: what a unit must be able to do to be prequalified.
        service: it buys the microgrid as a service; None: it does not.
        balancing: it tells sellers what it leaves free for balancing energy.
        coordinates: it coordinates the sellers at a congestion point by price rounds before they offer.
        ties: normally open lines, to be closed where a branch is out.
        inverters: that answer voltage with reactive power by themselves.
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
    option: OptionTerms
    margin_pct: float
    gate_isps: int
    lookahead_isps: int
    term_days: int
    buying_rules: BuyingRules
    outside: OutsidePrices
    product: ProductRules
    curtailing: FeedInControl | None = None
    restrictions: tuple[PlannedRestriction, ...] = ()
    coordinates: bool = False
    ties: tuple[Line, ...] = ()
    inverters: tuple[QvInverter, ...] = ()
    balancing: bool = False
    service: ServiceTerms | None = None

    def wants(self, contract: FlexContract) -> NegotiationPreferences:
        """What it wants of a contract."""
        if self.service is not None and contract.template == SERVICE:
            return self.service.buying
        return self.buying.for_contract(contract)

    def following(self, agreed: Agreed) -> DsoConfig:
        """The same whose connections' switches are also those that are agreed while the site lives, as known when asked."""
        connections = (
            replace(one, switches=KnownSwitches(one.switches, one.usage_point, agreed)) for one in self.connections
        )
        return replace(self, connections=tuple(connections))

    def forget_changes(self) -> None:
        """Another switch is known: what was worked out of them is worked out anew."""
        for name in ("changes", "_pairs"):
            self.__dict__.pop(name, None)

    def at(self, point: str) -> tuple[GridConnection, ...]:
        """The connections registered at a congestion point."""
        return self._at.get(point, ())

    def below(self, point: str) -> tuple[GridConnection, ...]:
        """The connections below a congestion point, those at points further down among them; none of an unknown point."""
        nodes = {node for one in self.points if one.identity == point for node in one.below}
        return tuple(c for c in self.connections if c.node in nodes)

    def sellers(self, point: str, day: date) -> tuple[str, ...]:
        """The aggregators with connections at a congestion point on a local day, in order."""
        return tuple(sorted({aggregator_on(c, day) for c in self.at(point)}))

    def pairs(self, day: date) -> tuple[tuple[str, str], ...]:
        """Every (aggregator, congestion point) that owes a prognosis of a local day."""
        last = max(change for change in self._pairs if change <= day)
        return self._pairs[last]

    @cached_property
    def _pairs(self) -> Mapping[date, tuple[tuple[str, str], ...]]:
        """The same from each day on which a connection goes over."""
        return {
            day: tuple(
                (seller, point.identity) for point in self.points for seller in self.sellers(point.identity, day)
            )
            for day in (date.min, *self.changes)
        }

    @cached_property
    def changes(self) -> tuple[date, ...]:
        """The days on which connections go over to another aggregator, in order."""
        return tuple(sorted({switch.day for connection in self.connections for switch in connection.switches}))

    def carries_w(self, seller: str, point: str, day: date) -> int:
        """The most that a seller's connections at a congestion point can carry together; 0 where nobody knows."""
        sizes = [c.carries_w for c in self.of_seller(seller, point, day)]
        return sum(sizes) if all(sizes) else 0

    def usage_fault(self, seller: str, point: str, day: date, levels_w: Mapping[int, int]) -> str | None:
        """Why a seller's connections at a congestion point cannot be at these levels (ISP -> watts) by their caps, or None."""
        members = self.of_seller(seller, point, day)
        return usage_fault(levels_w, (Usage(c.usage_point, c.terms, c.carries_w) for c in members))

    def of_seller(self, seller: str, point: str, day: date) -> tuple[GridConnection, ...]:
        """A seller's connections at a congestion point on a local day."""
        return tuple(c for c in self.at(point) if aggregator_on(c, day) == seller)

    def part_of(self, point: str) -> Network:
        """The part of the network that a congestion point is in; what happens in others changes nothing there."""
        return self._parts[point]

    def inverters_near(self, point: str) -> tuple[QvInverter, ...]:
        """Those of its inverters that are in the same part of the network as a congestion point."""
        if not self.inverters:
            return ()
        nodes = set(self._parts[point].node_names)
        return tuple(inverter for inverter in self.inverters if inverter.node in nodes)

    def pairs_near(self, point: str, day: date) -> tuple[tuple[str, str], ...]:
        """Those of a day's `pairs` whose connections are in the same part of the network as a congestion point."""
        part = self._parts[point]
        return tuple(pair for pair in self.pairs(day) if self._parts[pair[1]] is part)

    # What follows from the fields is worked out once: it is asked for every point in every round.

    @cached_property
    def _at(self) -> dict[str, tuple[GridConnection, ...]]:
        return grouped(self.connections, lambda c: c.congestion_point)

    @cached_property
    def _parts(self) -> dict[str, Network]:
        parts = parts_of(self.network)
        return {point.identity: parts[point.below[0]] for point in self.points}
