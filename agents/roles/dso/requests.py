"""What the DSO asked for and what it was offered: requests, their answers, offers, checked one by one.

Who may say what when, `market.trading.conversation` says.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime

from agents.planning.grid_safety.assessment import Assessment
from agents.roles.dso.config import DsoConfig
from agents.roles.dso.prognoses import Prognoses
from agents.roles.dso.requesting import request_isps
from agents.roles.effects import Effect, Send
from agents.roles.identity import AgentIdentity
from agents.roles.part import Part, Recovery, on
from agents.roles.parts.contract_use import ContractUse
from agents.roles.parts.contracts import Contracts
from agents.roles.parts.keys import SellerPointDay
from agents.roles.parts.recovery import LedgerHistory, revision
from agents.roles.parts.settlement_as_buyer import DaySettled
from agents.roles.publications import flex_offered, flex_requested
from cim.codec.codec import wire
from cim.model.intervals import LocalDay
from cim.model.plausibility import beyond
from market.contracts.contract import FlexContract
from market.contracts.enforcement import Call
from market.uftp import (
    DPrognosis,
    FlexOffer,
    FlexOfferResponse,
    FlexRequest,
    FlexRequestResponse,
    Result,
    fault_of_isps,
    header_faults,
)


@dataclass(frozen=True, slots=True)
class SellerAnswered:
    """Told inside the DSO: a seller has offered, or (None) has nothing to offer at a congestion point."""

    period: date
    point: str
    seller: str
    offer: FlexOffer | None
    message_id: str


@dataclass(frozen=True, slots=True)
class StandingOffered:
    """Told inside the DSO: a seller offers without having been asked; it may be ordered while it stands."""

    seller: str
    offer: FlexOffer


@dataclass(frozen=True, slots=True)
class OfferForPeople:
    """Told inside the DSO: an offer for a request whose offers people choose among."""

    seller: str
    offer: FlexOffer


@wire("dso.Requests")
@dataclass(slots=True)
class RequestsState:
    """What was asked and offered on days that are not closed for good.

    Attributes:
        requests: by message id.
        revisions: of the last request.
        requested_w, offered_w: by place, ISP -> the most that was asked for and offered, watts: an order takes what is asked
            for out of the next request, and not out of what the contract owes.
        for_people: message ids of the requests whose offers people choose among.
    """

    requests: dict[str, FlexRequest] = field(default_factory=dict)
    revisions: dict[SellerPointDay, int] = field(default_factory=dict)
    requested_w: dict[SellerPointDay, dict[int, int]] = field(default_factory=dict)
    offered_w: dict[SellerPointDay, dict[int, int]] = field(default_factory=dict)
    for_people: tuple[str, ...] = ()


class Requests(Part[RequestsState]):
    """Asks sellers for flexibility and checks what they answer."""

    def __init__(
        self, me: AgentIdentity, config: DsoConfig, *, prognoses: Prognoses, contracts: Contracts, use: ContractUse
    ) -> None:
        super().__init__(me, RequestsState())
        self.config, self._prognoses, self._contracts, self._use = config, prognoses, contracts, use

    def open_request(self, number: str) -> FlexRequest | None:
        """A request of a day that is not settled, by its message id, or None; one whose offers people order is none."""
        return None if number in self.state.for_people else self.state.requests.get(number)

    def requested_w(self, place: SellerPointDay) -> dict[int, int]:
        """ISP -> watts asked for at last."""
        return self.state.requested_w.get(place, {})

    def offered_w(self, place: SellerPointDay) -> dict[int, int]:
        """ISP -> watts offered at last."""
        return self.state.offered_w.get(place, {})

    def ask(
        self,
        seller: str,
        point: str,
        day: LocalDay,
        *,
        assessment: Assessment,
        first: int,
        expires: datetime,
        now: datetime,
        for_people: bool = False,
    ) -> list[Effect]:
        """Ask a seller for all of the need from ISP `first` on; the room for rebound is shared by portfolio size.

        Args:
            for_people: what is offered is for people to order, and no round waits for it.
        """
        mine_w = sum(c.contracted_w for c in self.config.of_seller(seller, point, day.day))
        share = mine_w / sum(c.contracted_w for c in self.config.at(point))
        place = SellerPointDay(seller, point, day.day)
        number = self.state.revisions[place] = self.state.revisions.get(place, 0) + 1
        contract = self._contracts.contract_on(seller, day.day)
        header = self.me.header(seller, now, None, "FlexRequest", day.key, point, str(number))
        request = FlexRequest(
            header, day.day, point, number, expires, request_isps(assessment, share, first), self.rules.timezone,
            self.rules.isp_minutes, None if contract is None else contract.contract_id,
        )  # fmt: skip
        self.state.requests[header.message_id] = request
        if for_people:
            self.state.for_people = (*self.state.for_people, header.message_id)
        needs = ((isp, int(watts)) for isp, watts in enumerate(assessment.need_w, start=1))
        _raise_to(self.state.requested_w.setdefault(place, {}), {isp: watts for isp, watts in needs if watts})
        return [Send(seller, request), flex_requested(request)]

    @on(FlexRequestResponse)
    def request_answered(self, message: FlexRequestResponse, sender: str, now: datetime) -> list[Effect]:
        """A refusal counts as answered."""
        request = self.state.requests.get(message.flex_request_message_id)
        if message.result is Result.ACCEPTED or request is None:
            return []
        number = message.header.message_id
        if message.flex_request_message_id in self.state.for_people:
            why = message.rejection_reason or "the seller refuses the request"
            return [self.me.lapse("FlexRequest", message.flex_request_message_id, sender, why, now)]
        return self.emit(SellerAnswered(request.period, request.congestion_point, sender, None, number), now)

    @on(FlexOffer)
    def offered(self, message: FlexOffer, sender: str, now: datetime) -> list[Effect]:
        """An offer for a request of the running round."""
        fault = self._fault(message, sender, now)
        answer = Send(sender, FlexOfferResponse(*self.me.reply(sender, now, message, fault)))
        number = message.header.message_id
        if fault is not None:
            return [answer, self.me.lapse("FlexOffer", number, sender, fault, now)]
        if message.unsolicited:
            return [answer, flex_offered(message), *self.emit(StandingOffered(sender, message), now)]
        usable = message if message.options else None
        for_people = message.flex_request_message_id in self.state.for_people
        effects: list[Effect] = [answer] if usable is None else [answer, flex_offered(message, for_people)]
        if for_people:
            return effects if usable is None else effects + self.emit(OfferForPeople(sender, usable), now)
        answered = SellerAnswered(message.period, message.congestion_point, sender, usable, number)
        return effects + self.emit(answered, now)

    def note_offer(self, seller: str, offer: FlexOffer) -> None:
        """An offer takes part in a choice: what it offers counts as available."""
        place = SellerPointDay(seller, offer.congestion_point, offer.period)
        most: dict[int, int] = {}
        for row in (row for option in offer.options for row in option.isps):
            most[row.start] = max(most.get(row.start, 0), row.power_w, key=abs)
        _raise_to(self.state.offered_w.setdefault(place, {}), most)

    def _fault(self, message: FlexOffer, sender: str, now: datetime) -> str | None:
        """Why an offer is refused, or None."""
        fault = header_faults(message, timezone=self.rules.timezone, isp_minutes=self.rules.isp_minutes)
        count = self.rules.day(message.period).count
        for option in message.options:
            fault = fault or fault_of_isps([(row.start, row.duration) for row in option.isps], count)
        if fault is not None:
            return fault
        fault = self._standing_fault(message, sender, now) if message.unsolicited else self._unasked(message, now)
        if fault is not None:
            return fault
        known = self._contracts.terms_on(sender, message.period)
        contract = next((c for c in known if c.contract_id == message.contract_id), None)
        if contract is None and message.contract_id is not None:
            return f"ContractID: {message.contract_id} is no contract with {sender}"
        forbidden = None if contract is None else self._forbidden(message, contract)
        if forbidden is not None:
            return forbidden
        swing_w = 2 * self.config.carries_w(sender, message.congestion_point, message.period)
        absurd = beyond((row.power_w for option in message.options for row in option.isps), swing_w)
        if absurd is not None:
            return f"Power: {absurd} W; its connections there can change by at most {swing_w} W"
        prognosis = self._prognoses.by_id(message.d_prognosis_message_id)
        if prognosis is None or self.rules.domains[sender] != prognosis.header.sender_domain:
            return f"D-PrognosisMessageID: {message.d_prognosis_message_id} is unknown"
        return self._beyond_usage(message, sender, prognosis)

    def _unasked(self, message: FlexOffer, now: datetime) -> str | None:
        """Why an offer answers no open request, or None."""
        request = self.state.requests.get(message.flex_request_message_id or "")
        asked = None if request is None else (request.congestion_point, request.period)
        if request is None or asked != (message.congestion_point, message.period) or now >= request.expiration:
            return f"FlexRequestMessageID: {message.flex_request_message_id} is no open request"
        return None

    def _standing_fault(self, message: FlexOffer, sender: str, now: datetime) -> str | None:
        """Why an offer that answers no request cannot stand, or None."""
        if message.flex_request_message_id is not None:
            return f"Unsolicited: it names the request {message.flex_request_message_id}; expected none"
        if (sender, message.congestion_point) not in self.config.pairs(message.period):
            return f"CongestionPoint: {message.congestion_point} has no connection of {sender}"
        if not message.options:
            return "OfferOption: none; expected one at least where nothing was asked"
        end = self.rules.day(message.period).end
        if not now < message.expiration <= end:
            return (
                f"ExpirationDateTime: {message.expiration.isoformat()}; expected later than now, by {end.isoformat()}"
            )
        return None

    def _beyond_usage(self, offer: FlexOffer, seller: str, prognosis: DPrognosis) -> str | None:
        """Why an option would take the seller's connections beyond what they are capped at, or None."""
        for option in offer.options:
            levels_w = {
                isp: prognosis.power_w[isp - 1] + row.power_w
                for row in option.isps
                for isp in range(row.start, row.start + row.duration)
            }
            fault = self.config.usage_fault(seller, offer.congestion_point, offer.period, levels_w)
            if fault is not None:
                return fault
        return None

    def _forbidden(self, offer: FlexOffer, contract: FlexContract) -> str | None:
        """Why the contract that an offer names does not allow one of its options, or None."""
        point, calls = offer.congestion_point, list[Call]()
        for option in offer.options:
            calls.append(self._use.call(contract, offer.period, point, option.isps, option.price))
        faults = (self._use.call_fault(contract, call) for call in calls)
        return next((fault for fault in faults if fault is not None), None)

    @on(DaySettled)
    def day_settled(self, event: DaySettled, now: datetime) -> list[Effect]:
        """Nothing is asked about a settled day any more; what was asked and offered counts if it is settled anew."""
        self._drop_requests(lambda period: period == event.period)
        return []

    def prune(self, before: date) -> None:
        """Days that are closed for good."""
        state = self.state
        self._drop_requests(lambda period: period < before)
        state.revisions = {place: value for place, value in state.revisions.items() if place.period >= before}
        state.requested_w = {place: value for place, value in state.requested_w.items() if place.period >= before}
        state.offered_w = {place: value for place, value in state.offered_w.items() if place.period >= before}

    def _drop_requests(self, over: Callable[[date], bool]) -> None:
        kept = {number: request for number, request in self.state.requests.items() if not over(request.period)}
        self.state.requests = kept
        self.state.for_people = tuple(number for number in self.state.for_people if number in kept)

    def recover(self, history: LedgerHistory, now: datetime) -> Recovery:
        """Revisions go on above every earlier one."""
        for day in history.open_days(now):
            for seller, point in self.config.pairs(day.day):
                self.state.revisions[SellerPointDay(seller, point, day.day)] = revision(day, now)
        lost = (
            "which flexibility was asked for and offered before: on days not settled yet, contracts count as available"
        )
        return Recovery(forgotten=(lost,))


def _raise_to(most: dict[int, int], watts: Mapping[int, int]) -> None:
    """Keep the larger magnitude of each ISP."""
    for isp, power_w in watts.items():
        most[isp] = max(most.get(isp, 0), power_w, key=abs)
