"""A prosumer's contract follows its elements.

What offers nothing is taken out of it from tomorrow on, and put back later; what can do more or less than it says, or costs more
than it pays, is negotiated anew.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from agents.roles.effects import Effect
from agents.roles.identity import AgentIdentity
from agents.roles.part import Part, on
from agents.roles.parts.contract_ending import ContractEnding
from agents.roles.parts.contracts import Contracts
from agents.roles.parts.filing import NoState
from agents.roles.parts.negotiation import ContractNegotiation
from agents.roles.prosumer.asset_publishing import AssetPublishing
from agents.roles.prosumer.config import ProsumerConfig
from agents.roles.prosumer.told import AssetsChanged, ElementJudged
from market.contracts.changes import amended
from market.contracts.contract import FlexContract, FlexElement
from market.register.providers import aggregator_on


class ContractAmending(Part[NoState]):
    """Proposes the amendment; a contract without any element is terminated by consent."""

    def __init__(
        self,
        me: AgentIdentity,
        config: ProsumerConfig,
        *,
        contracts: Contracts,
        negotiation: ContractNegotiation,
        ending: ContractEnding,
        publishing: AssetPublishing,
    ) -> None:
        super().__init__(me, NoState())
        self._config, self._contracts, self._negotiation = config, contracts, negotiation
        self._ending, self._publishing = ending, publishing

    @on(ElementJudged)
    def judged(self, event: ElementJudged, now: datetime) -> list[Effect]:
        """An element is suspended, or counts again."""
        today = self.rules.day_of(now)
        aggregator = aggregator_on(self._config, today.next().day)
        contract = self._contracts.contract_on(aggregator, today.next().day)
        if contract is None or self._negotiation.talking(aggregator):
            return []
        changed = self._without(contract, event) if event.suspended else self._with(contract, event)
        if changed is None:
            return []
        if not changed.flex_elements:
            why = f"{event.element}, its last element, offers nothing any more"
            return self._ending.give(contract, today.day, now, why, notice=False)
        new = amended(changed, today.next().day).within_elements()
        return self._negotiation.propose_amendment(new, now)

    @on(AssetsChanged)
    def changed(self, event: AssetsChanged, now: datetime) -> list[Effect]:
        """Elements can do other things than the contract says, or cost more than it pays: it is negotiated anew.

        What costs less now is for the buyer to ask for.
        """
        first = max(event.first, self.rules.day_of(now).next().day)
        aggregator = aggregator_on(self._config, first)
        contract = self._contracts.contract_on(aggregator, first)
        if contract is None or self._negotiation.talking(aggregator):
            return []
        elements = tuple(self._as_it_is(e, contract) if e.name in event.elements else e for e in contract.flex_elements)
        if elements == contract.flex_elements:
            return []
        up = sum(e.max_increase_w for e in elements) - sum(e.max_increase_w for e in contract.flex_elements)
        down = sum(e.max_decrease_w for e in elements) - sum(e.max_decrease_w for e in contract.flex_elements)
        new = replace(
            amended(contract, first),
            flex_elements=elements,
            amount_up_w=contract.amount_up_w + max(up, 0),
            amount_down_w=contract.amount_down_w + min(down, 0),
        )
        return self._negotiation.propose_amendment(new.within_elements(), now)

    def _as_it_is(self, element: FlexElement, contract: FlexContract) -> FlexElement:
        """A contract's element as its asset is published now, no cheaper than it was agreed."""
        asset = self._publishing.state.joined.get(element.name)
        if asset is None:
            return element
        found, agreed = asset.element.dearer_by(contract.volume_price_e4_per_kwh), element.volume_price_e4_per_kwh
        priced = found.volume_price_e4_per_kwh
        if agreed is None or priced is None:
            return replace(found, volume_price_e4_per_kwh=agreed)
        return replace(found, volume_price_e4_per_kwh=max(priced, agreed))

    def _without(self, contract: FlexContract, event: ElementJudged) -> FlexContract | None:
        kept = tuple(element for element in contract.flex_elements if element.name != event.element)
        return None if len(kept) == len(contract.flex_elements) else replace(contract, flex_elements=kept)

    def _with(self, contract: FlexContract, event: ElementJudged) -> FlexContract | None:
        asset = self._publishing.state.joined.get(event.element)
        if asset is None or contract.element(event.element) is not None:
            return None
        element = asset.element.dearer_by(contract.volume_price_e4_per_kwh)
        return replace(
            contract,
            flex_elements=(*contract.flex_elements, element),
            amount_up_w=contract.amount_up_w + element.max_increase_w,
            amount_down_w=contract.amount_down_w + element.max_decrease_w,
        )
