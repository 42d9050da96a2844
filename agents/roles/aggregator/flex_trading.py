"""The aggregator's trading desk: a request becomes a virtual power plant's offer, an order becomes members' orders."""

from __future__ import annotations

from datetime import datetime

import numpy as np

from agents.roles.aggregator.member_orders import OrderingDesk
from agents.roles.aggregator.state import VppSession, place
from agents.roles.effects import Arm, Effect, Send
from agents.roles.part import on
from market.settlement.day import freeze
from market.settlement.elements import volume_amount
from market.uftp import (
    Disposition,
    FlexOffer,
    FlexOrder,
    FlexRequest,
    FlexRequestResponse,
    IspPower,
    OfferOption,
    fault_of_isps,
    header_faults,
)


class TradingDesk(OrderingDesk):
    """Requests in, offers out; orders in, member orders out, each recorded before anyone acts on it."""

    @on(FlexRequest)
    def requested(self, message: FlexRequest, sender: str, now: datetime) -> list[Effect]:
        """Form the virtual power plant for the ISPs from the first one requested to the end of the day."""
        if sender != self.config.dso:
            return []
        day = self.rules.day(message.period)
        fault = header_faults(message, timezone=self.rules.timezone, isp_minutes=self.rules.isp_minutes)
        fault = fault or fault_of_isps([(row.start, row.duration) for row in message.isps], day.count)
        if fault is None and message.congestion_point not in self.config.congestion_points:
            fault = f"CongestionPoint: {message.congestion_point} has no connection of {self.name}"
        if fault is None and now >= min(message.expiration, day.end):
            fault = f"ExpirationDateTime: the request ended at {min(message.expiration, day.end).isoformat()}"
        if fault is not None:
            return [self._answer_request(message, now, fault)]
        if message.header.message_id in self.state.requests:
            return [self.lapse("FlexRequest", message.header.message_id, sender, "it is being worked on", now)]
        low, high = np.full(day.count, -1e6), np.full(day.count, 1e6)
        first = day.count + 1
        for row in message.isps:
            part = slice(row.start - 1, row.start - 1 + row.duration)
            low[part], high[part] = row.min_power_w / 1000, row.max_power_w / 1000
            first = min(first, row.start)
        self.state.room[place(message.congestion_point, message.period)] = (low, high)
        self.state.requests[message.header.message_id] = message
        return [
            self._answer_request(message, now, None),
            *self.open_session(
                "offer",
                message.header.message_id,
                message.congestion_point,
                message.period,
                first,
                low[first - 1 :],
                high[first - 1 :],
                now,
            ),
        ]

    def _answer_request(self, message: FlexRequest, now: datetime, fault: str | None) -> Effect:
        return Send(self.config.dso, FlexRequestResponse(*self.reply(self.config.dso, now, message, fault)))

    def concluded(self, session: VppSession, now: datetime) -> list[Effect]:
        """The split for a request is found: offer it, at what the members' contracts ask plus the margin."""
        if session.purpose != "offer":
            return super().concluded(session, now)
        request = self.state.requests.pop(session.reference, None)
        point = session.congestion_point
        prognosis = self.state.prognoses.get(place(point, session.period))
        sale = self.contract_on(self.config.dso, session.period)
        if request is None or prognosis is None or now >= request.expiration:
            why = "no prognosis was sent" if prognosis is None else "the request is over"
            told = self.lapse("offer", session.identity, self.config.dso, why, now)
            return [told, *self.dismiss(session), *super().concluded(session, now)]
        isps = self._offered(session, request)
        conversation = request.header.conversation_id
        header = self.header(
            self.config.dso, now, conversation, "FlexOffer", request.header.message_id, session.identity
        )
        # An offer without options says: nothing to give; so the DSO need not wait for it to expire.
        options: tuple[OfferOption, ...] = ()
        if isps:
            options = (OfferOption(session.identity, self._price(session, isps), isps, 1),)
        offer = FlexOffer(
            header,
            session.period,
            point,
            request.expiration,
            options,
            self.rules.currency,
            self.rules.timezone,
            self.rules.isp_minutes,
            request.header.message_id,
            None if sale is None else sale.contract_id,
            prognosis.header.message_id,
        )
        sent: list[Effect] = [Send(self.config.dso, offer)]
        if not isps:
            return [*sent, *self.dismiss(session), *super().concluded(session, now)]
        self.state.offers[header.message_id] = (offer, session)
        return [*sent, Arm(f"expired {header.message_id}", request.expiration)]

    def _offered(self, session: VppSession, request: FlexRequest) -> tuple[IspPower, ...]:
        """What the members together give on the ISPs that are asked for, in the direction that is asked for."""
        total = np.sum([self.watts(session, name) for name in self.taking(session)], axis=0)
        rows = []
        for row in request.isps:
            if row.disposition is not Disposition.REQUESTED or not self.taking(session):
                continue
            sign = 1 if row.min_power_w > 0 else -1
            for isp in range(row.start, row.start + row.duration):
                power = int(total[isp - session.first_isp])
                if power * sign > 0:
                    rows.append(IspPower(isp, power))
        return tuple(rows)

    def _price(self, session: VppSession, isps: tuple[IspPower, ...]) -> int:
        asked = sum(
            volume_amount(self.member_isps(session, name, isps), contract.volume_price, self.rules.isp_minutes)
            for name in self.taking(session)
            if (contract := self.contract_on(name, session.period)) is not None
        )
        price = asked * (100 + self.config.margin_pct) // 100
        sale = self.contract_on(self.config.dso, session.period)
        if sale is None:
            return price
        return min(price, volume_amount(isps, sale.volume_price, self.rules.isp_minutes))

    @on(FlexOrder)
    def ordered(self, message: FlexOrder, sender: str, now: datetime) -> list[Effect]:
        """The DSO orders an option: it must be what was offered, times the activation factor; then order the members."""
        if sender != self.config.dso:
            return []
        if any(order.order_reference == message.order_reference for order in self.state.orders):
            told = self.lapse("FlexOrder", message.order_reference, sender, "the order is in force already", now)
            if message.order_reference in self.state.answers:
                return [told]  # its answer comes when it is recorded
            return [told, self.answer_order(message, now, None)]  # "Already Submitted" is a success
        held = self.state.offers.get(message.flex_offer_message_id or "")
        fault = "FlexOfferMessageID: no open offer" if held is None else _order_fault(message, held[0], now)
        if held is None or fault is not None:
            return [self.answer_order(message, now, fault)]
        offer, session = self.state.offers.pop(message.flex_offer_message_id or "")
        self._freeze(message, offer)
        self.state.orders = (*self.state.orders, message)
        cause = message.order_reference
        effects = self.order_members(session, message.isps, message.activation_factor_pct, cause, now)
        if cause in self.state.filed:
            self.state.answers[cause] = message  # accepted once the members' orders are recorded
            return effects
        return [self.answer_order(message, now, None), *effects, *self.next_session(session.congestion_point, now)]

    def _freeze(self, order: FlexOrder, offer: FlexOffer) -> None:
        prognosis = self.state.sent.get(offer.d_prognosis_message_id or "")
        held = self.state.baselines.setdefault(place(order.congestion_point, order.period), {})
        if prognosis is not None:
            freeze(held, order, prognosis)

    def timer_expired(self, message_id: str, now: datetime) -> list[Effect]:
        """Nobody ordered: the members are free again."""
        held = self.state.offers.pop(message_id, None)
        if held is None:
            return []
        return [*self.dismiss(held[1]), *self.next_session(held[1].congestion_point, now)]


def _order_fault(order: FlexOrder, offer: FlexOffer, now: datetime) -> str | None:
    """Why an order does not fit the offer it names, or None (UFTP 3.1, "FlexOrder validation")."""
    option = next((o for o in offer.options if o.option_reference == order.option_reference), None)
    if option is None:
        return f"OptionReference: {order.option_reference} was not offered"
    if now >= offer.expiration:
        return f"FlexOfferMessageID: the offer expired at {offer.expiration.isoformat()}"
    factor = order.activation_factor_pct
    if factor < option.min_activation_factor_pct:
        return f"ActivationFactor: {factor} % is below the offered minimum {option.min_activation_factor_pct} %"
    price, isps = option.activated(factor)
    if order.price != price:
        return f"Price: {order.price}; expected {price} ({factor} % of the offer)"
    if order.isps != isps or (order.period, order.congestion_point) != (offer.period, offer.congestion_point):
        return "ISP: powers are not the offered ones times the activation factor"
    return None
