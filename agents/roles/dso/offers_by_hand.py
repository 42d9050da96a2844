"""Offers that people choose among: kept while they stand, and ordered when the DSO's engineers say so."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import date, datetime

from agents.roles.dso.config import DsoConfig
from agents.roles.dso.ordering import OffersChosen, Ordering
from agents.roles.dso.requests import OfferForPeople, Requests
from agents.roles.dso.revocations import Revocations
from agents.roles.dso.standing_offers import StandingOffers
from agents.roles.effects import Effect, Send
from agents.roles.identity import AgentIdentity
from agents.roles.part import Part, Recovery, on
from agents.roles.parts.recovery import LedgerHistory
from agents.roles.parts.settlement_as_buyer import DaySettled
from cim.codec.codec import wire
from cim.platform.mailbox.requests import MAILBOX, OfferOrderWanted, RequestAnswered
from market.uftp import FlexOffer


@wire("dso.OffersByHand")
@dataclass(slots=True)
class OffersByHandState:
    """By message id: the seller (an agent) and its offer, of days that are not settled."""

    offers: dict[str, tuple[str, FlexOffer]] = field(default_factory=dict)


class OffersByHand(Part[OffersByHandState]):
    """Orders what people choose, by the same checks and records as what the agent chooses itself."""

    def __init__(
        self,
        me: AgentIdentity,
        config: DsoConfig,
        *,
        requests: Requests,
        ordering: Ordering,
        standing: StandingOffers,
        revocations: Revocations,
    ) -> None:
        super().__init__(me, OffersByHandState())
        self._config, self._requests, self._ordering = config, requests, ordering
        self._standing, self._revocations = standing, revocations

    @on(OfferForPeople)
    def offered(self, event: OfferForPeople, now: datetime) -> list[Effect]:
        """Keep it while it stands."""
        self.state.offers = {k: kept for k, kept in self.state.offers.items() if now < kept[1].expiration}
        self.state.offers[event.offer.header.message_id] = event.seller, event.offer
        self._requests.note_offer(event.seller, event.offer)
        return []

    @on(OfferOrderWanted)
    def wanted(self, message: OfferOrderWanted, sender: str, now: datetime) -> list[Effect]:
        """Somebody orders an option of an offer."""
        if sender != MAILBOX:
            return []
        found = self.state.offers.get(message.offer) or self._standing.by_id(message.offer)
        fault = f"offer: {message.offer} does not stand, or is none" if found is None else None
        if found is not None:
            seller, offer = found
            options = [o for o in offer.options if not message.option or o.option_reference == message.option]
            fault = self._fault(seller, offer, message, now) or _one_of(offer, len(options), message)
        if found is None or fault is not None:
            return [Send(MAILBOX, RequestAnswered(message.number, False, fault or ""))]
        chosen = replace(offer, options=(options[0],))
        fault = self._option_fault(seller, chosen, message.factor_pct, now)
        if fault is not None:
            return [Send(MAILBOX, RequestAnswered(message.number, False, fault))]
        self.state.offers.pop(message.offer, None)
        if offer.unsolicited:
            self._requests.note_offer(seller, offer)
        words = f"order {self._ordering.takes(seller, offer)} goes to {seller} as soon as the ledger has recorded it"
        event = OffersChosen(
            offer.period, offer.congestion_point, ((seller, chosen, message.factor_pct, None),), by_hand=True
        )
        return [Send(MAILBOX, RequestAnswered(message.number, True, words)), *self.emit(event, now)]

    def _fault(self, seller: str, offer: FlexOffer, wanted: OfferOrderWanted, now: datetime) -> str | None:
        """Why an offer cannot be ordered at all, in words, or None."""
        if self._ordering.knows(self._ordering.takes(seller, offer)):
            return f"offer: {wanted.offer} is ordered already"
        if self._revocations.is_revoked(seller, wanted.offer):
            return f"offer: {seller} has revoked {wanted.offer}"
        if now >= offer.expiration:
            return f"offer: {wanted.offer} expired at {offer.expiration.isoformat()}"
        return None

    def _option_fault(self, seller: str, chosen: FlexOffer, factor_pct: int, now: datetime) -> str | None:
        """Why an offer's one option cannot be ordered by a factor, in words, or None."""
        (option,) = chosen.options
        if not option.min_activation_factor_pct <= factor_pct <= 100:
            return f"factor_pct: {factor_pct}; expected {option.min_activation_factor_pct} to 100"
        day = self.rules.day(chosen.period)
        first = 1 if now < day.start else day.isp_of(now) + self._config.gate_isps if now < day.end else day.count + 1
        begins = min(row.start for row in option.isps)
        if begins < first:
            return f"option: it begins in ISP {begins}, whose gate has closed; expected {first} or later"
        if not self._config.buying_rules.worth_ordering(option, factor_pct, self.rules.hours):
            return f"factor_pct: {factor_pct} % of the option is less than the minimum bid"
        return self._ordering.fault(seller, chosen, factor_pct, now)

    @on(DaySettled)
    def day_settled(self, event: DaySettled, now: datetime) -> list[Effect]:
        """Nothing is ordered of a settled day."""
        self.state.offers = {k: kept for k, kept in self.state.offers.items() if kept[1].period != event.period}
        return []

    def prune(self, before: date) -> None:
        """Days that are closed for good."""
        self.state.offers = {k: kept for k, kept in self.state.offers.items() if kept[1].period >= before}

    def recover(self, history: LedgerHistory, now: datetime) -> Recovery:
        """The ledger knows no offers."""
        return Recovery(forgotten=("offers that people had not ordered yet",))


def _one_of(offer: FlexOffer, count: int, wanted: OfferOrderWanted) -> str | None:
    """Why it is not clear which option is meant, in words, or None."""
    if count == 1:
        return None
    known = ", ".join(option.option_reference for option in offer.options)
    return f"option: {wanted.option or 'none said'}; expected one of {known}"
