"""Alternating offers with time-dependent concession: offer in turn, and give way by the number of the round."""

from __future__ import annotations

from market.contracts.contract import FlexContract
from market.negotiation.concession import Move, NegotiationPreferences, conceded
from market.negotiation.strategy import Answer, Heard, taken_or_countered


class AlternatingOffers:
    """Faratin, Sierra and Jennings 1998, polynomial tactics; `beta` of the preferences is their shape."""

    def opening(self, wants: NegotiationPreferences, draft: FlexContract) -> FlexContract:
        """At one's aspiration, unless there is but one round."""
        return wants.at_share(draft, conceded(1, wants.rounds, wants.beta))

    def answer(self, wants: NegotiationPreferences, heard: Heard) -> Answer:
        """Take it when it is worth at least one's own next offer; refuse it after the last round."""
        own = wants.at_share(heard.contract, conceded(heard.round + 1, wants.rounds, wants.beta))
        answer = taken_or_countered(wants, heard.contract, own)
        over = answer.move is Move.COUNTER and heard.round >= wants.rounds
        return Answer(Move.REJECT, heard.contract) if over else answer
