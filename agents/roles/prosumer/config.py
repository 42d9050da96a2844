"""What a prosumer is told at the start."""

from __future__ import annotations

from dataclasses import dataclass

from agents.planning.elements.element import ElementConfig, ElementCosts, ElementKind
from agents.planning.elements.registry import element_kind
from cim.codec.codec import wire
from cim.model.arrays import Floats
from market.billing.tariff import Tariff
from market.negotiation.concession import NegotiationPreferences


@wire("prosumer.Config")
@dataclass(frozen=True, slots=True)
class ProsumerConfig:
    """A prosumer's own config.

    Attributes:
        meter: name of its smart meter.
        usage_point: EAN-like address of its connection.
        congestion_point: where it hangs.
        aggregator, dso, market, ledger: agents it deals with (market = the ILES manager).
        elements: what it can steer.
        base_history_kw: metered days before the first, without the elements, each [quarter-hours].
        selling: its prices for its flexibility.
        preferences: what moving power costs it beside the energy itself.
        tariff: what energy at its connection costs and earns; None where nobody knows.
        carries_w: the most that its connection can carry, a magnitude; 0 where nobody knows.
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

    def by_name(self) -> dict[str, ElementConfig]:
        """Its elements by their names, in order."""
        return {element.element: element for element in self.elements}

    def kinds(self) -> dict[str, ElementKind]:
        """The rules of each element's kind, by the element's name, in order."""
        return {element.element: element_kind(element.kind) for element in self.elements}
