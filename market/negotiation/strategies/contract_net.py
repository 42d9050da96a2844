"""Contract net (FIPA): a call for proposals, one bid, and an award or a refusal.

In the conversation's words the call is the proposal, which binds as well; the bid is the one counter-offer.
"""

from __future__ import annotations

from market.contracts.contract import FlexContract
from market.negotiation.concession import NegotiationPreferences
from market.negotiation.strategy import Answer, Heard, taken_or_countered, taken_or_refused

_BID_SHARE = 0.5  # a bid cannot be mended: how far from aspiration to reservation it goes


class ContractNet:
    """Calls at its aspiration; bids once; awards a bid that is no worse than its reservation."""

    def opening(self, wants: NegotiationPreferences, draft: FlexContract) -> FlexContract:
        """The call, at what the manager would like best."""
        return wants.at_share(draft, 0.0)

    def answer(self, wants: NegotiationPreferences, heard: Heard) -> Answer:
        """To the call one's bid, or consent where the call is worth as much; to the bid the award or a refusal."""
        if heard.round == 1:
            return taken_or_countered(wants, heard.contract, wants.at_share(heard.contract, _BID_SHARE))
        return taken_or_refused(wants, heard.contract)
