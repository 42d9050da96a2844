"""Offers that stand without a request: kept until they are ordered, revoked, replaced or over, and ordered where they suffice."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime

from agents.roles.dso.ordering import OffersChosen
from agents.roles.dso.prognoses import Prognoses
from agents.roles.dso.requests import StandingOffered
from agents.roles.dso.revocations import Revocations
from agents.roles.effects import Effect
from agents.roles.identity import AgentIdentity
from agents.roles.part import Part, Recovery, on
from agents.roles.parts.keys import SellerPointDay
from agents.roles.parts.recovery import LedgerHistory
from agents.roles.parts.settlement_as_buyer import DaySettled
from cim.codec.codec import wire
from cim.model.arrays import Floats
from market.uftp import FlexOffer, OfferOption

_LEAST_USED = 0.5  # assumed: of what is ordered; who would have to move more than twice what is needed is asked instead


@wire("dso.StandingOffers")
@dataclass(slots=True)
class StandingOffersState:
    """By place, the last offer of a seller that answers no request."""

    offers: dict[SellerPointDay, FlexOffer] = field(default_factory=dict)


class StandingOffers(Part[StandingOffersState]):
    """Keeps them, and says which would do in place of a request."""

    def __init__(self, me: AgentIdentity, prognoses: Prognoses, revocations: Revocations) -> None:
        super().__init__(me, StandingOffersState())
        self._prognoses, self._revocations = prognoses, revocations

    @on(StandingOffered)
    def offered(self, event: StandingOffered, now: datetime) -> list[Effect]:
        """The last one counts."""
        offer = event.offer
        self.state.offers[SellerPointDay(event.seller, offer.congestion_point, offer.period)] = offer
        return []

    @on(OffersChosen)
    def chosen(self, event: OffersChosen, now: datetime) -> list[Effect]:
        """What is ordered stands no more."""
        ordered = {offer.header.message_id for _, offer, _, _ in event.chosen}
        offers = self.state.offers.items()
        self.state.offers = {place: o for place, o in offers if o.header.message_id not in ordered}
        return []

    def by_id(self, number: str) -> tuple[str, FlexOffer] | None:
        """The seller and its standing offer of this message id, or None."""
        found = ((place.seller, o) for place, o in self.state.offers.items() if o.header.message_id == number)
        return next(found, None)

    def covering(self, seller: str, point: str, period: date, need_w: Floats, now: datetime) -> FlexOffer | None:
        """The standing offer of a seller that gives all that is needed in each ISP, or None: then the seller is asked.

        What it gives is counted from the seller's newest prognosis: it may have been offered against an older one.
        """
        place = SellerPointDay(seller, point, period)
        offer = self.state.offers.get(place)
        if offer is None or now >= offer.expiration or self._revocations.is_revoked(seller, offer.header.message_id):
            return None
        basis, newest = self._prognoses.by_id(offer.d_prognosis_message_id), self._prognoses.newest(place)
        if basis is None or newest is None:
            return None
        older = [was - now_w for was, now_w in zip(basis.power_w, newest.power_w, strict=True)]
        return offer if any(_gives(option, older, need_w) for option in offer.options) else None

    @on(DaySettled)
    def day_settled(self, event: DaySettled, now: datetime) -> list[Effect]:
        """Nothing is ordered of a settled day."""
        self.state.offers = {place: o for place, o in self.state.offers.items() if place.period != event.period}
        return []

    def prune(self, before: date) -> None:
        """Days that are closed for good."""
        self.state.offers = {place: offer for place, offer in self.state.offers.items() if place.period >= before}

    def recover(self, history: LedgerHistory, now: datetime) -> Recovery:
        """The ledger knows no offers."""
        return Recovery(forgotten=("offers that stood without a request",))


def _gives(option: OfferOption, older_w: list[int], need_w: Floats) -> bool:
    """Whether an option gives all that is needed, and not much else.

    Args:
        older_w: [T] how far its baseline is above the newest prognosis.
    """
    given = {isp: row.power_w for row in option.isps for isp in range(row.start, row.start + row.duration)}
    needed = {isp: float(watts) for isp, watts in enumerate(need_w, start=1) if watts}
    reach = {isp: (given.get(isp, 0) + older_w[isp - 1]) * (1 if watts > 0 else -1) for isp, watts in needed.items()}
    if any(isp not in given or reach[isp] < abs(watts) for isp, watts in needed.items()):
        return False
    factor = max((abs(watts) / reach[isp] for isp, watts in needed.items()), default=0.0)
    moved = factor * sum(abs(watts) for watts in given.values())
    return sum(map(abs, needed.values())) >= _LEAST_USED * moved > 0
