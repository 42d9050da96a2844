"""Trading with the DSO: a request becomes a virtual power plant's offer, an order becomes members' orders.

The table is `market.trading.conversation`'s.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime

import numpy as np

from agents.planning.dispatch.session import SplitEvent, SplitParty
from agents.roles.aggregator.config import AggregatorConfig
from agents.roles.aggregator.offer_pricing import OfferPricing
from agents.roles.aggregator.offers import offered_isps, order_fault
from agents.roles.aggregator.order_records import MemberOrdersRefused, MembersOrdered
from agents.roles.aggregator.prognosis_sums import PrognosisSums
from agents.roles.aggregator.promises import OrderDropped, OrderTaken, Promises
from agents.roles.aggregator.vpp_session import (
    PointDay,
    SplitChosen,
    SplitConcluded,
    SplitMoved,
    SplitPurpose,
    SplitWanted,
    VppSession,
)
from agents.roles.aggregator.vpp_sessions import VppSessions
from agents.roles.effects import Arm, Effect, Send, Timer
from agents.roles.identity import AgentIdentity
from agents.roles.messages import SessionClosed
from agents.roles.part import Part, Recovery, on
from agents.roles.parts.contract_use import CallDropped, CallTaken, ContractUse
from agents.roles.parts.recovery import LedgerHistory
from cim.codec.codec import wire
from cim.model.arrays import Floats
from cim.model.intervals import LocalDay
from market.mechanisms.pay_as_bid import PayAsBid
from market.uftp import (
    DPrognosis,
    FlexOffer,
    FlexOrder,
    FlexOrderResponse,
    FlexRequest,
    FlexRequestResponse,
    IspPower,
    fault_of_isps,
    header_faults,
)


@wire("aggregator.timer.expired")
@dataclass(frozen=True, slots=True)
class FlexOfferExpires(Timer):
    """An offer (its message id) binds no more."""

    offer: str


@dataclass(frozen=True, slots=True)
class OfferRevoked:
    """Told inside the role: an offer (its message id) is taken back."""

    offer: str


@dataclass(frozen=True, slots=True)
class OfferTakenBack:
    """Told inside the role: an offer that is not ordered yet is to be revoked, and why."""

    offer: FlexOffer
    why: str


@dataclass(frozen=True, slots=True)
class WishMade:
    """Told inside the role: what is to be offered without a request, and [T] kW of room, down and up, beside it."""

    wish: FlexRequest
    room_kw: tuple[Floats, Floats]


@dataclass(frozen=True, slots=True)
class WishDropped:
    """Told inside the role: what was about to be offered at a congestion point without a request is not."""

    congestion_point: str


@wire("aggregator.FlexTrading")
@dataclass(slots=True)
class FlexTradingState:
    """What is under way with the DSO.

    Attributes:
        requests: by message id, those without an offer yet; one's own wishes among them (`is_wish`).
        room: [T] kW that the DSO left at a congestion point on a day, down and up.
        offers: by message id, those not ordered yet; an option's reference is the session's id and its step.
        taken: by reference, orders that are accepted once the members' orders are recorded.
    """

    requests: dict[str, FlexRequest] = field(default_factory=dict)
    room: dict[PointDay, tuple[Floats, Floats]] = field(default_factory=dict)
    offers: dict[str, FlexOffer] = field(default_factory=dict)
    taken: dict[str, FlexOrder] = field(default_factory=dict)


class FlexTrading(Part[FlexTradingState]):
    """Requests in, offers out; orders in, members' orders out, each recorded before anyone acts on it."""

    def __init__(
        self,
        me: AgentIdentity,
        config: AggregatorConfig,
        *,
        sums: PrognosisSums,
        sessions: VppSessions,
        promises: Promises,
        pricing: OfferPricing,
        use: ContractUse,
    ) -> None:
        super().__init__(me, FlexTradingState())
        self._config, self._dso, self._use = config, config.dso, use
        self._sums, self._sessions, self._promises, self._pricing = sums, sessions, promises, pricing

    def offers_with(self, member: str, element: str) -> tuple[FlexOffer, ...]:
        """The offers not ordered yet that an element of a member takes part in."""
        found = self.state.offers.values()
        return tuple(o for o in found if element in self._session_of(o).elements.get(member, ()))

    def standing_at(self, congestion_point: str) -> tuple[FlexOffer, ...]:
        """The offers there that nobody asked for and nobody has ordered yet."""
        return tuple(o for o in self.state.offers.values() if o.unsolicited and o.congestion_point == congestion_point)

    def is_wish(self, reference: str) -> bool:
        """Whether this is no request of the DSO but what this role wants to offer by itself."""
        request = self.state.requests.get(reference)
        return request is not None and self._is_own(request)

    def _is_own(self, request: FlexRequest) -> bool:
        return request.header.sender_domain == self.me.domain

    @on(WishMade)
    def wished(self, event: WishMade, now: datetime) -> list[Effect]:
        """Form the virtual power plant for what is offered without a request."""
        wish, (down, up) = event.wish, event.room_kw
        low, high = np.minimum(down, 0.0), np.maximum(up, 0.0)  # what was asked for last is not asked for now
        for row in wish.isps:
            low[row.start - 1], high[row.start - 1] = row.min_power_w / 1000, row.max_power_w / 1000
        first, number = wish.isps[0].start, wish.header.message_id
        self.state.requests[number] = wish
        bands = low[first - 1 :], high[first - 1 :]
        return self.emit(
            SplitWanted(SplitPurpose.OFFER, number, wish.congestion_point, wish.period, first, *bands), now
        )

    @on(WishDropped)
    def wish_dropped(self, event: WishDropped, now: datetime) -> list[Effect]:
        """Its split, if it runs already, ends in nothing."""
        point, requests = event.congestion_point, self.state.requests
        kept = {k: r for k, r in requests.items() if r.congestion_point != point or not self._is_own(r)}
        self.state.requests = kept
        return []

    def room_kw(self, congestion_point: str, day: LocalDay) -> tuple[Floats, Floats]:
        """[T] kW that the DSO left beside what it last requested, down and up; none where that request says nothing.

        A request begins at the gate: nobody has looked at what runs before it, or it is full already.
        """
        nothing = np.zeros(day.count), np.zeros(day.count)
        return self.state.room.get(PointDay(congestion_point, day.day), nothing)

    @on(FlexRequest)
    def requested(self, message: FlexRequest, sender: str, now: datetime) -> list[Effect]:
        """Form the virtual power plant for the ISPs from the first one requested to the end of the day."""
        if sender != self._dso:
            return []
        number, day = message.header.message_id, self.rules.day(message.period)
        fault = self._request_fault(message, day, now)
        if fault is None and number in self.state.requests:
            return [self.me.lapse("FlexRequest", number, sender, "it is being worked on", now)]
        answer = FlexRequestResponse(*self.me.reply(self._dso, now, message, fault))
        if fault is not None:
            return [Send(self._dso, answer)]
        low, high = np.zeros(day.count), np.zeros(day.count)
        for row in message.isps:
            part = slice(row.start - 1, row.start - 1 + row.duration)
            low[part], high[part] = row.min_power_w / 1000, row.max_power_w / 1000
        first = min((row.start for row in message.isps), default=day.count + 1)
        point, bands = message.congestion_point, (low[first - 1 :], high[first - 1 :])
        self.state.room[PointDay(point, day.day)] = (low, high)
        self.state.requests[number] = message
        together = self._config.coordinated
        wanted = SplitWanted(SplitPurpose.OFFER, number, point, day.day, first, *bands, by_point=together)
        return [Send(self._dso, answer), *self.emit(wanted, now)]

    def _request_fault(self, request: FlexRequest, day: LocalDay, now: datetime) -> str | None:
        fault = header_faults(request, timezone=self.rules.timezone, isp_minutes=self.rules.isp_minutes)
        fault = fault or fault_of_isps([(row.start, row.duration) for row in request.isps], day.count)
        if fault is None and request.congestion_point not in self._config.congestion_points:
            fault = f"CongestionPoint: {request.congestion_point} has no connection of {self.me.name}"
        end = min(request.expiration, day.end)
        if fault is None and now >= end:
            fault = f"ExpirationDateTime: the request ended at {end.isoformat()}"
        return fault

    @on(SplitConcluded)
    def concluded(self, event: SplitConcluded, now: datetime) -> list[Effect]:
        """The split for a request is found: offer it, at what the members' contracts ask plus the margin."""
        session = event.session
        if session.purpose is not SplitPurpose.OFFER:
            return []
        request = self.state.requests.pop(session.reference, None)
        prognosis = self._sums.newest(session.congestion_point, session.period)
        if request is None or prognosis is None or now >= request.expiration:
            why = "no prognosis was sent" if prognosis is None else "the request is over"
            over = [self.me.lapse("offer", session.identity, self._dso, why, now)]
            return [*over, *self._dismiss(session, SplitParty.AGGREGATOR, SplitEvent.NOTHING_TO_GIVE, now)]
        isps = offered_isps(session, request)
        if not isps and self._is_own(request):
            return self._dismiss(session, SplitParty.AGGREGATOR, SplitEvent.NOTHING_TO_GIVE, now)
        offer = self._offer(session, request, prognosis, isps, now)
        sent: list[Effect] = [Send(self._dso, offer)]
        if not isps:
            return [*sent, *self._dismiss(session, SplitParty.AGGREGATOR, SplitEvent.NOTHING_TO_GIVE, now)]
        number = offer.header.message_id
        self.state.offers[number] = offer
        sent.append(Arm(FlexOfferExpires(number), request.expiration))
        return sent + self.emit(SplitMoved(session.identity, SplitParty.AGGREGATOR, SplitEvent.OFFER), now)

    def _offer(
        self,
        session: VppSession,
        request: FlexRequest,
        prognosis: DPrognosis,
        isps: tuple[IspPower, ...],
        now: datetime,
    ) -> FlexOffer:
        """Steps of the merit order, or no option, which says: nothing to give; so the DSO need not wait for it to expire."""
        asked, steps = request.header, self._pricing.steps(session, isps) if isps else {}
        sale = self._pricing.sale(request, tuple(offered_isps(step, request) for step in steps.values()))
        about = ("FlexOffer", asked.message_id, session.identity)
        return FlexOffer(
            header=self.me.header(self._dso, now, asked.conversation_id, *about),
            period=session.period,
            congestion_point=session.congestion_point,
            expiration=request.expiration,
            options=self._pricing.options(session, request, steps, sale),
            currency=self.rules.currency,
            timezone=self.rules.timezone,
            isp_minutes=self.rules.isp_minutes,
            flex_request_message_id=None if self._is_own(request) else asked.message_id,
            contract_id=None if sale is None else sale.contract_id,
            d_prognosis_message_id=prognosis.header.message_id,
            unsolicited=self._is_own(request),
        )

    def _session_of(self, offer: FlexOffer) -> VppSession:
        """The session that an offer is of, as its options' references name it."""
        return self._sessions.session(offer.options[-1].option_reference.rpartition("/")[0])

    @on(FlexOrder)
    def ordered(self, message: FlexOrder, sender: str, now: datetime) -> list[Effect]:
        """The DSO orders an option: it must be what was offered, times the activation factor; then order the members."""
        if sender != self._dso:
            return []
        reference = message.order_reference
        if self._promises.in_force(reference):
            told = self.me.lapse("FlexOrder", reference, sender, "the order is in force already", now)
            # Its answer comes when it is recorded; after that, "Already Submitted" is a success.
            return [told] if reference in self.state.taken else [told, self._answer(message, now, None)]
        offer = self.state.offers.get(message.flex_offer_message_id or "")
        more = self.rules.mechanism != PayAsBid.name
        unknown = "FlexOfferMessageID: no open offer"
        fault = unknown if offer is None else order_fault(message, offer, now, may_pay_more=more)
        fault = fault or self._use.fault(message)
        if offer is None or fault is not None:
            return [self._answer(message, now, fault)]
        del self.state.offers[offer.header.message_id]
        self.state.taken[reference] = message
        session, level = self._session_of(offer), (message.option_reference or "").rpartition("/")[2]
        step = self._pricing.steps(session, offer.options[-1].isps)[int(level)]
        # The DSO may have put a prognosis of its own in place of the one that was offered against.
        stands_on = self._sums.sent(message.d_prognosis_message_id) or self._sums.sent(offer.d_prognosis_message_id)
        option = next(one for one in offer.options if one.option_reference == message.option_reference)
        effects = self.emit(OrderTaken(message, stands_on), now) + self.emit(CallTaken(message), now)
        effects += self.emit(self._pricing.order_asked(step, option, message), now)
        effects += self.emit(SplitMoved(session.identity, SplitParty.DSO, SplitEvent.ORDER), now)
        chosen = SplitChosen(step, message.isps, message.activation_factor_pct, reference)
        return effects + self.emit(chosen, now)

    def _answer(self, order: FlexOrder, now: datetime, fault: str | None) -> Effect:
        return Send(self._dso, FlexOrderResponse(*self.me.reply(self._dso, now, order, fault)))

    @on(MembersOrdered)
    def members_ordered(self, event: MembersOrdered, now: datetime) -> list[Effect]:
        """The order behind them is accepted."""
        order = self.state.taken.pop(event.cause, None)
        return [] if order is None else [self._answer(order, now, None)]

    @on(MemberOrdersRefused)
    def members_not_ordered(self, event: MemberOrdersRefused, now: datetime) -> list[Effect]:
        """The order behind members' orders that could not be recorded is refused."""
        order = self.state.taken.pop(event.cause, None)
        if order is None:
            return []
        fault = f"the members' orders are not recorded: {event.fault}"
        dropped = self.emit(OrderDropped(order), now) + self.emit(CallDropped(order), now)
        return [*dropped, self._answer(order, now, fault)]

    @on(FlexOfferExpires)
    def expired(self, timer: FlexOfferExpires, now: datetime) -> list[Effect]:
        """Nobody ordered: the members are free again."""
        return self._given_up(timer.offer, SplitParty.TIME, SplitEvent.EXPIRY, now)

    @on(OfferRevoked)
    def revoked(self, event: OfferRevoked, now: datetime) -> list[Effect]:
        """It is taken back: an order for it would be refused, and the members are free again."""
        return self._given_up(event.offer, SplitParty.AGGREGATOR, SplitEvent.REVOCATION, now)

    def _given_up(self, number: str, by: SplitParty, event: SplitEvent, now: datetime) -> list[Effect]:
        offer = self.state.offers.pop(number, None)
        return [] if offer is None else self._dismiss(self._session_of(offer), by, event, now)

    def _dismiss(self, session: VppSession, by: SplitParty, event: SplitEvent, now: datetime) -> list[Effect]:
        """Tell the members that a session led to nothing."""
        closed = [Send(name, SessionClosed(session.identity)) for name in sorted(session.elements)]
        return [*closed, *self.emit(SplitMoved(session.identity, by, event), now)]

    def prune(self, before: date) -> None:
        """Days that are closed for good."""
        self.state.room = {k: v for k, v in self.state.room.items() if k.period >= before}
        self.state.requests = {k: v for k, v in self.state.requests.items() if v.period >= before}

    def recover(self, history: LedgerHistory, now: datetime) -> Recovery:
        """The ledger knows no requests and offers."""
        return Recovery(forgotten=("offers not ordered yet, and requests not answered",))
