"""A prosumer's contract follows its elements: what offers nothing is taken out of it from tomorrow on, and put back later."""

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
from agents.roles.prosumer.told import ElementJudged
from market.contracts.changes import amended
from market.contracts.contract import FlexContract


class ContractAmending(Part[NoState]):
    """Proposes the amendment; a contract without any element is terminated by consent."""

    def __init__(
        self,
        me: AgentIdentity,
        aggregator: str,
        *,
        contracts: Contracts,
        negotiation: ContractNegotiation,
        ending: ContractEnding,
        publishing: AssetPublishing,
    ) -> None:
        super().__init__(me, NoState())
        self._aggregator, self._contracts, self._negotiation = aggregator, contracts, negotiation
        self._ending, self._publishing = ending, publishing

    @on(ElementJudged)
    def judged(self, event: ElementJudged, now: datetime) -> list[Effect]:
        """An element is suspended, or counts again."""
        today = self.rules.day_of(now)
        contract = self._contracts.contract_on(self._aggregator, today.next().day)
        if contract is None or self._negotiation.talking(self._aggregator):
            return []
        changed = self._without(contract, event) if event.suspended else self._with(contract, event)
        if changed is None:
            return []
        if not changed.flex_elements:
            why = f"{event.element}, its last element, offers nothing any more"
            return self._ending.give(contract, today.day, now, why, notice=False)
        new = amended(changed, today.next().day).within_elements()
        return self._negotiation.propose_amendment(new, now)

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
