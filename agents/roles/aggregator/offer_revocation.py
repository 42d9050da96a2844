"""Taking back what was offered and is not ordered yet: an element that it counts on is lost, or its members are needed."""

from __future__ import annotations

from datetime import datetime

from agents.roles.aggregator.flex_trading import FlexTrading, OfferRevoked, OfferTakenBack
from agents.roles.effects import Effect, Send
from agents.roles.element_messages import ElementLost
from agents.roles.identity import AgentIdentity
from agents.roles.part import Part, on
from agents.roles.parts.filing import NoState
from market.uftp import FlexOffer, FlexOfferRevocation


class OfferRevocation(Part[NoState]):
    """Revokes each open offer that a lost element takes part in; the DSO's next request is answered without it."""

    def __init__(self, me: AgentIdentity, dso: str, trading: FlexTrading) -> None:
        super().__init__(me, NoState())
        self._dso, self._trading = dso, trading

    @on(ElementLost)
    def lost(self, message: ElementLost, sender: str, now: datetime) -> list[Effect]:
        """A member cannot reach one of its elements."""
        effects: list[Effect] = []
        for offer in self._trading.offers_with(sender, message.element):
            why = f"{message.element}: {message.reason}"
            effects += self._revoke(offer, now, self.me.lapse("FlexOffer", offer.header.message_id, sender, why, now))
        return effects

    @on(OfferTakenBack)
    def taken_back(self, event: OfferTakenBack, now: datetime) -> list[Effect]:
        """An offer that stood without a request; that it is renewed or makes room is no incident."""
        return self._revoke(event.offer, now)

    def _revoke(self, offer: FlexOffer, now: datetime, *told: Effect) -> list[Effect]:
        number, conversation = offer.header.message_id, offer.header.conversation_id
        header = self.me.header(self._dso, now, conversation, "FlexOfferRevocation", number)
        return [Send(self._dso, FlexOfferRevocation(header, number)), *told, *self.emit(OfferRevoked(number), now)]
