"""What a prosumer is told at the start."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from math import ceil

from agents.planning.elements.element import ElementConfig, ElementCosts, ElementKind, ElementKnowledge
from agents.planning.elements.registry import element_kind
from cim.codec.codec import wire
from cim.model.arrays import Floats
from market.billing.tariff import Tariff
from market.contracts.connection_terms import NOTHING_AGREED, ConnectionTerms
from market.contracts.contract import FlexContract
from market.negotiation.concession import NegotiationPreferences
from market.register.agreed_switches import Agreed, KnownSwitches
from market.register.providers import ProviderSwitch

_E4_PER_CT = 100


@wire("prosumer.SharedStation")
@dataclass(frozen=True, slots=True)
class SharedStation:
    """A charging station with several EVSEs: the elements that they are, and what all may draw together."""

    elements: tuple[str, ...]
    limit_w: int


@wire("prosumer.Config")
@dataclass(frozen=True, slots=True)
class ProsumerConfig:
    """A prosumer's own config.

    Attributes:
        meter: name of its smart meter.
        usage_point: EAN-like address of its connection.
        congestion_point: where it hangs.
        aggregator: the agent that markets it before its first switch; `aggregator_on` says who does on a day.
        dso, market, ledger: the other agents it deals with (market = the ILES manager).
        elements: what it can steer.
        base_history_kw: metered days before the first, without the elements, each [quarter-hours].
        base_history_c: the temperature of the same days; NaN where it is not known, empty: of none.
        selling: its prices for its flexibility.
        preferences: what moving power costs it beside the energy itself.
        tariff: what energy at its connection costs and earns; None where nobody knows.
        carries_w: the most that its connection can carry, a magnitude; 0 where nobody knows.
        unmetered_pct: an element that was not metered for more of its last 30 days offers nothing.
        place: the node of its connection; empty where that is not told.
        terms: what is agreed of its connection beside the market.
        site_served: whether batteries of the site serve all of it, so that the ILES manager is told what is expected here.
        switches: to other aggregators, in the order of their days.
        stations: charging stations of which several EVSEs are elements.
    """

    meter: str
    usage_point: str
    congestion_point: str
    aggregator: str
    dso: str
    market: str
    ledger: str
    elements: tuple[ElementConfig, ...]
    base_history_kw: tuple[Floats, ...]
    selling: NegotiationPreferences
    preferences: ElementCosts
    tariff: Tariff | None = None
    carries_w: int = 0
    unmetered_pct: int = 10
    place: str = ""
    terms: ConnectionTerms = NOTHING_AGREED
    switches: Sequence[ProviderSwitch] = ()
    base_history_c: tuple[Floats, ...] = ()
    stations: tuple[SharedStation, ...] = ()
    site_served: bool = False

    def following(self, agreed: Agreed) -> ProsumerConfig:
        """The same whose switches are also those that are agreed while the site lives, as they are known when asked."""
        return replace(self, switches=KnownSwitches(self.switches, self.usage_point, agreed))

    def by_name(self) -> dict[str, ElementConfig]:
        """Its elements by their names, in order."""
        return {element.element: element for element in self.elements}

    def own_costs_e4_per_kwh(self, day: date) -> dict[str, int]:
        """What moving each element costs by and large from a day on, ten-thousandths per kWh, rounded up."""
        if self.tariff is None:
            return dict.fromkeys(self.by_name(), 0)
        retail, feed_in = self.tariff.by_and_large(day)
        return {
            name: max(ceil(_E4_PER_CT * kind.own_price_ct_per_kwh(known, retail, feed_in)), 0)
            for name, kind in self.kinds().items()
            for known in (ElementKnowledge(self.by_name()[name], self.preferences),)
        }

    def selling_under(self, contract: FlexContract) -> NegotiationPreferences:
        """Its prices for a contract: on top of its own costs, also where the contract tells them too low."""
        own, told = self.own_costs_e4_per_kwh(contract.start_date), contract.own_costs_e4_per_kwh
        lacking = max((own[name] - cost for name, cost in told.items() if name in own), default=0)
        return self.selling.dearer_by(max(lacking, 0))

    def kinds(self) -> dict[str, ElementKind]:
        """The rules of each element's kind, by the element's name, in order."""
        return {element.element: element_kind(element.kind) for element in self.elements}
