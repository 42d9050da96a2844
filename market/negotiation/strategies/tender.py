"""Tender: the buyer invites, sellers bid once, and the buyer awards when the tender closes; see `market.negotiation.tender`."""

from __future__ import annotations

from market.contracts.contract import FlexContract
from market.negotiation.concession import NegotiationPreferences
from market.negotiation.strategy import Answer, Heard, taken_or_refused

_SHARE = 0.5  # as of a bid that is paid as it is


class Tender:
    """What one side says in the conversation; that bids wait for the closing is the business of who holds the tender."""

    def opening(self, wants: NegotiationPreferences, draft: FlexContract) -> FlexContract:
        """A bid of pay-as-bid."""
        return wants.at_share(draft, _SHARE)

    def answer(self, wants: NegotiationPreferences, heard: Heard) -> Answer:
        """An award at another price than one's bid, or of a part, is taken where it is no worse than one's reservation."""
        return taken_or_refused(wants, heard.contract)
