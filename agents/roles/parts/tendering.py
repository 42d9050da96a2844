"""Contracts by tender: a buyer invites, sellers bid once and sealed, and the buyer awards when the tender closes.

The conversation of each bid is held by `ContractNegotiation`; what a tender came to is recorded with every bid.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from agents.roles.effects import Arm, Effect, Publish, Send, Timer
from agents.roles.identity import AgentIdentity
from agents.roles.part import Part, on
from agents.roles.parts.filing import LedgerFiling
from cim.codec.codec import wire
from cim.platform.publications.incidents import RuleBroken
from market.contracts.contract import FlexContract
from market.negotiation.concession import NegotiationPreferences, Terms
from market.negotiation.messages import Offer
from market.negotiation.tender import (
    PRICINGS,
    TENDER,
    TenderInvitation,
    TenderResult,
    awarded,
    bid_of,
    contract_of,
    judged,
    size_w,
)

OPEN = timedelta(minutes=10)  # from the invitation to the closing


@dataclass(frozen=True, slots=True)
class SellerInvited:
    """Told inside a role: a contract is to be had by tender, with all others that are wanted at the same instant."""

    draft: FlexContract


@dataclass(frozen=True, slots=True)
class BidWanted:
    """Told inside a role: bid this; it binds until some time after the tender has closed."""

    bid: FlexContract
    closes: datetime


@dataclass(frozen=True, slots=True)
class BidCame:
    """Told inside a role: a seller's bid; its conversation waits for `BidAnswered`."""

    offer: Offer


@dataclass(frozen=True, slots=True)
class BidAnswered:
    """Told inside a role: what a bid is awarded, which may differ from it in price or amount; None: nothing, and why."""

    conversation: str
    contract: FlexContract | None
    reason: str = ""


@wire("part.timer.tender")
@dataclass(frozen=True, slots=True)
class TenderCloses(Timer):
    """The bids of a tender are judged."""

    tender: str


@wire("part.OpenTender")
@dataclass(slots=True)
class OpenTender:
    """A tender of this party's: until when, the drafts by contract, and the bids that have come."""

    closes: datetime
    invited: dict[str, FlexContract] = field(default_factory=dict)
    bids: tuple[Offer, ...] = ()


@wire("part.Tendering")
@dataclass(slots=True)
class TenderingState:
    """The tenders that are open, by their ids."""

    tenders: dict[str, OpenTender] = field(default_factory=dict)


class Tendering(Part[TenderingState]):
    """Holds this party's tenders, and bids in those it is invited to.

    Args:
        wants: what this party wants of a contract, and by which pricing and for how much it tenders.
        reliability_pct: of a seller (its domain), how much of what was ordered it delivered; None where that is not known.
        of_members: the sellers are members, whose records are salted.
    """

    def __init__(
        self,
        me: AgentIdentity,
        filing: LedgerFiling,
        wants: Callable[[FlexContract], NegotiationPreferences],
        reliability_pct: Callable[[str], int | None] = lambda _: None,
        *,
        of_members: bool = False,
    ) -> None:
        super().__init__(me, TenderingState())
        self._filing, self._wants, self._reliability_pct = filing, wants, reliability_pct
        self._of_members = of_members

    @on(SellerInvited)
    def invite(self, event: SellerInvited, now: datetime) -> list[Effect]:
        """Send the draft to its seller; what is wanted of others at the same instant is one tender with it."""
        draft, tenders = event.draft, self.state.tenders
        number = self.me.identifier(TENDER, now.isoformat(), "reserved" if draft.reserved else "framework")
        effects: list[Effect] = [] if number in tenders else [Arm(TenderCloses(number), now + OPEN)]
        tender = tenders.setdefault(number, OpenTender(now + OPEN))
        tender.invited[draft.contract_id] = draft
        seller = self.rules.name_of(draft.seller)
        if seller is not None:
            invitation = TenderInvitation(number, draft, self._wants(draft).tender_pricing, tender.closes)
            effects.append(Send(seller, invitation))
        return effects

    @on(TenderInvitation)
    def invited(self, message: TenderInvitation, sender: str, now: datetime) -> list[Effect]:
        """Bid once, for what the draft says."""
        draft = message.draft
        wants = self._wants(draft)
        fault = None
        if (self.rules.domains.get(sender), self.me.domain) != (draft.buyer, draft.seller) or draft.faults:
            fault = "its draft is not a sound contract between the two"
        elif message.pricing not in PRICINGS:
            fault = f"pricing {message.pricing!r}; expected one of {', '.join(PRICINGS)}"
        elif not now < message.closes <= now + timedelta(minutes=wants.deadline_min):
            fault = f"it closes at {message.closes.isoformat()}; expected within {wants.deadline_min} minutes"
        if fault is not None:
            return [Publish(RuleBroken(now, sender, self.me.name, f"tender {message.tender}: {fault}"))]
        return self.emit(BidWanted(bid_of(wants, message), message.closes), now)

    @on(BidCame)
    def bid_came(self, event: BidCame, now: datetime) -> list[Effect]:
        """Keep it sealed until the tender closes, if it is a bid of one that is open."""
        offer, contract = event.offer, event.offer.contract
        open_now = (one for one in self.state.tenders.values() if contract.contract_id in one.invited)
        tender = next(open_now, None)
        if tender is None or now >= tender.closes:
            return self.emit(BidAnswered(offer.conversation_id, None, "no tender is open for it"), now)
        draft = tender.invited[contract.contract_id]
        if Terms.of(contract).into(draft) != contract:
            why = "it changes more than the prices of the tender's draft"
            return self.emit(BidAnswered(offer.conversation_id, None, why), now)
        if any(other.contract.contract_id == contract.contract_id for other in tender.bids):
            return self.emit(BidAnswered(offer.conversation_id, None, "a bid was made already"), now)
        tender.bids = (*tender.bids, offer)
        return []

    @on(TenderCloses)
    def close(self, timer: TenderCloses, now: datetime) -> list[Effect]:
        """Judge all bids, answer each, and record what came of the tender."""
        tender = self.state.tenders.pop(timer.tender, None)
        if tender is None:
            return []
        wants = self._wants(next(iter(tender.invited.values())))
        wanted_w = sum(map(size_w, tender.invited.values())) * wants.tender_wanted_pct // 100
        rows = (judged(wants, bid.contract, bid.at, self._reliability_pct(bid.sender)) for bid in tender.bids)
        served = awarded(tuple(rows), wants, wanted_w, wants.tender_pricing)
        offers = {offer.contract.contract_id: offer for offer in tender.bids}
        effects: list[Effect] = []
        for award in served:
            offer = offers[award.contract_id]
            made = contract_of(offer.contract, award, wants) if award.awarded_w else None
            taken = made if made is not None and not made.faults else None
            why = "" if taken else "the tender was awarded to others, or the bid is beyond what can be agreed"
            effects += self.emit(BidAnswered(offer.conversation_id, taken, why), now)
        invited, me = len(tender.invited), self.me
        result = TenderResult(timer.tender, me.domain, wants.tender_pricing, now, wanted_w, invited, served)
        record = me.record(TENDER, timer.tender, result, now, salted=self._of_members)
        return [*effects, self._filing.file(TENDER, timer.tender, record)]
