"""Take it or leave it: one offer, and no other word than yes or no."""

from __future__ import annotations

from market.contracts.contract import FlexContract
from market.negotiation.concession import NegotiationPreferences
from market.negotiation.strategy import Answer, Heard, taken_or_refused

_SHARE = 0.5


class TakeItOrLeaveIt:
    """Offers half-way between its aspiration and its reservation, and takes whatever is no worse than the latter."""

    def opening(self, wants: NegotiationPreferences, draft: FlexContract) -> FlexContract:
        """The one offer."""
        return wants.at_share(draft, _SHARE)

    def answer(self, wants: NegotiationPreferences, heard: Heard) -> Answer:
        """Yes or no, to an offer and to a counter-offer alike."""
        return taken_or_refused(wants, heard.contract)
