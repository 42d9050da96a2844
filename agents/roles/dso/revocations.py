"""Offers that their sellers have taken back: never ordered, however far the choice among them had come."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, datetime

from agents.roles.effects import Effect, Send
from agents.roles.identity import AgentIdentity
from agents.roles.part import Part, Recovery, on
from agents.roles.parts.recovery import LedgerHistory
from cim.codec.codec import wire
from market.uftp import FlexOffer, FlexOfferRevocation, FlexOfferRevocationResponse


@wire("dso.Revocations")
@dataclass(slots=True)
class RevocationsState:
    """By day on which they were revoked: (seller's agent, message id of its offer)."""

    revoked: dict[date, tuple[tuple[str, str], ...]] = field(default_factory=dict)


class Revocations(Part[RevocationsState]):
    """Takes a revocation unless its offer is ordered already (Shapeshifter 3.1.0, "FlexOfferRevocation").

    Args:
        ordered: whether an order for an offer (its message id) was sent.
    """

    def __init__(self, me: AgentIdentity, ordered: Callable[[str], bool]) -> None:
        super().__init__(me, RevocationsState())
        self._ordered = ordered

    def is_revoked(self, seller: str, offer: str) -> bool:
        """Whether a seller has taken back an offer of its own (its message id)."""
        return any((seller, offer) in known for known in self.state.revoked.values())

    def standing(self, offers: dict[str, FlexOffer]) -> dict[str, FlexOffer]:
        """Of offers by seller those that are not revoked."""
        return {seller: o for seller, o in offers.items() if not self.is_revoked(seller, o.header.message_id)}

    @on(FlexOfferRevocation)
    def revoked(self, message: FlexOfferRevocation, sender: str, now: datetime) -> list[Effect]:
        """A seller can name no offer but its own: another one's stands, whatever is said of it."""
        number, today = message.flex_offer_message_id, self.rules.day_of(now).day
        late = self._ordered(number)
        fault = f"FlexOfferMessageID: {number} is ordered already" if late else None
        if fault is None and not self.is_revoked(sender, number):
            self.state.revoked[today] = (*self.state.revoked.get(today, ()), (sender, number))
        answer = FlexOfferRevocationResponse(*self.me.reply(sender, now, message, fault))
        told = self.me.lapse("FlexOffer", number, sender, fault or "the seller has revoked it", now)
        return [Send(sender, answer), told]

    def prune(self, before: date) -> None:
        """An offer is about a day near the one on which it was revoked."""
        self.state.revoked = {day: known for day, known in self.state.revoked.items() if day >= before}

    def recover(self, history: LedgerHistory, now: datetime) -> Recovery:
        """The ledger knows no offers; all of them are asked for anew."""
        return Recovery(forgotten=("which offers were revoked",))
