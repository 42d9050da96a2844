"""How a party judges an offer of a contract: what its strategy answers, and what it could not take at any price."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from agents.roles.identity import AgentIdentity
from agents.roles.parts.contracts import Contracts
from market.contracts.changes import amendment_fault, dearer_elements
from market.contracts.contract import FlexContract
from market.negotiation.concession import Move, NegotiationPreferences, Terms
from market.negotiation.conversation import Negotiation
from market.negotiation.messages import Offer
from market.negotiation.strategies import strategy_of
from market.negotiation.strategy import Answer, Heard

Objection = Callable[[FlexContract], str | None]  # why a contract cannot be, in words; None where it can


class OfferJudging:
    """Judges offers; holds nothing of its own.

    Args:
        contracts: what is agreed already.
        sold_twice: why this party cannot sell what a contract reserves.
        too_dear: why it would never call what a contract covers at its elements' prices.
    """

    def __init__(self, me: AgentIdentity, contracts: Contracts, sold_twice: Objection, too_dear: Objection) -> None:
        self._me, self._contracts, self._too_dear = me, contracts, too_dear
        self.sold_twice = sold_twice

    def answer(self, wants: NegotiationPreferences, offer: Offer, talk: Negotiation) -> Answer:
        """By the strategy; an amendment no dearer than the version before it is taken without haggling."""
        contract = offer.contract
        held = self._contracts.versions(contract.contract_id)
        same = contract.version > 1 and held and Terms.of(held[-1]) == Terms.of(contract)
        if same and not dearer_elements(held[-1], contract):
            return Answer(Move.ACCEPT, contract)
        return strategy_of(wants.strategy).answer(wants, Heard(contract, offer.round, talk.earlier))

    def objection(self, offered: FlexContract, answered: FlexContract, now: datetime) -> str | None:
        """Why an offer is refused whatever the strategy says, in words, or None.

        Args:
            answered: what the strategy would agree to, which must not be sold already.
        """
        unfit = self._misfit(offered, now)
        if unfit is not None or answered.seller != self._me.domain:
            return unfit
        return self.sold_twice(answered)

    def _misfit(self, contract: FlexContract, now: datetime) -> str | None:
        """Why an amendment does not follow the version that is held, or makes too dear what is bought, or None."""
        if contract.version == 1:
            return None
        known, today = self._contracts.versions(contract.contract_id), self._me.rules.day_of(now).day
        fault = amendment_fault(known, contract, today)
        return fault or (self._too_dear(contract) if contract.buyer == self._me.domain else None)
