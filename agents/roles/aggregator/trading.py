"""The aggregator's trading desk: a request becomes a virtual power plant's offer, an order becomes members' orders."""

from __future__ import annotations

from datetime import datetime

import numpy as np

from agents.planning.messages import OrderSplit, SessionClosed
from agents.roles.aggregator.coordinating import CoordinatingDesk
from agents.roles.aggregator.state import ElementPart, VppSession, place
from agents.roles.base import Filed, Receipt, on
from agents.roles.contract import Arm, Effect, Publish, Send
from market.activations import Activations
from market.elements import volume_amount
from market.uftp import (
    Disposition,
    FlexOffer,
    FlexOrder,
    FlexOrderResponse,
    FlexRequest,
    FlexRequestResponse,
    IspPower,
    OfferOption,
    Result,
    fault_of_isps,
    header_faults,
)


class TradingDesk(CoordinatingDesk):
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
        if fault is not None:
            return [self._answer_request(message, now, fault)]
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
        header = self.header(self.config.dso, now, message.header.conversation_id)
        result = Result.ACCEPTED if fault is None else Result.REJECTED
        return Send(self.config.dso, FlexRequestResponse(header, message.header.message_id, result, fault))

    def concluded(self, session: VppSession, now: datetime) -> list[Effect]:
        """The split for a request is found: offer it, at what the members' contracts ask plus the margin."""
        if session.purpose != "offer":
            return super().concluded(session, now)
        request = self.state.requests.pop(session.reference)
        isps = self._offered(session, request)
        header = self.header(self.config.dso, now, request.header.conversation_id)
        point = session.congestion_point
        prognosis = self.state.prognoses[place(point, session.period)]
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
            None if self.state.sale is None else self.state.sale.contract_id,
            prognosis.header.message_id,
        )
        sent: list[Effect] = [Send(self.config.dso, offer)]
        if not isps:
            return [*sent, *self._dismiss(session), *super().concluded(session, now)]
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
            volume_amount(
                self.member_isps(session, name, isps), self.state.contracts[name].volume_price, self.rules.isp_minutes
            )
            for name in self.taking(session)
        )
        price = asked * (100 + self.config.margin_pct) // 100
        sale = self.state.sale
        if sale is None:
            return price
        return min(price, volume_amount(isps, sale.volume_price, self.rules.isp_minutes))

    def taking(self, session: VppSession) -> tuple[str, ...]:
        """The members that take part in a session, in order."""
        return tuple(name for name in sorted(session.elements) if session.elements[name])

    def member_isps(
        self, session: VppSession, name: str, isps: tuple[IspPower, ...], factor_pct: int = 100
    ) -> tuple[IspPower, ...]:
        """A member's part on the given ISPs, where it goes in their direction."""
        watts = self.watts(session, name, factor_pct)
        rows = ((row.start, watts[row.start - session.first_isp], row.power_w) for row in isps)
        return tuple(IspPower(start, own) for start, own, whole in rows if own * whole > 0)

    @on(FlexOrder)
    def ordered(self, message: FlexOrder, sender: str, now: datetime) -> list[Effect]:
        """The DSO orders an option: it must be what was offered, times the activation factor; then order the members."""
        if sender != self.config.dso:
            return []
        if any(order.order_reference == message.order_reference for order in self.state.orders):
            return [self._answer_order(message, now, None)]  # "Already Submitted" is a success
        held = self.state.offers.get(message.flex_offer_message_id or "")
        fault = "FlexOfferMessageID: no open offer" if held is None else _order_fault(message, held[0], now)
        if held is None or fault is not None:
            return [self._answer_order(message, now, fault)]
        offer, session = self.state.offers.pop(message.flex_offer_message_id or "")
        self._freeze(message, offer)
        self.state.orders = (*self.state.orders, message)
        return [
            self._answer_order(message, now, None),
            *self.order_members(session, message.isps, message.activation_factor_pct, message.order_reference, now),
            *self.next_session(session.congestion_point, now),
        ]

    def _freeze(self, order: FlexOrder, offer: FlexOffer) -> None:
        """The baseline of an ISP is the prognosis its first order was offered against, for good."""
        prognosis = self.state.sent.get(offer.d_prognosis_message_id or "")
        held = self.state.baselines.setdefault(place(order.congestion_point, order.period), {})
        for row in order.isps:
            if prognosis is not None:
                held.setdefault(row.start, prognosis.power_w[row.start - 1])

    def _answer_order(self, message: FlexOrder, now: datetime, fault: str | None) -> Effect:
        header = self.header(self.config.dso, now, message.header.conversation_id)
        result = Result.ACCEPTED if fault is None else Result.REJECTED
        return Send(self.config.dso, FlexOrderResponse(header, message.header.message_id, result, fault))

    def order_members(
        self, session: VppSession, isps: tuple[IspPower, ...], factor_pct: int, cause: str, now: datetime
    ) -> list[Effect]:
        """Put a session's split into force: record each member's order first, send it on the receipt."""
        orders: list[FlexOrder] = []
        effects: list[Effect] = []
        for name in self.taking(session):
            rows = self.member_isps(session, name, isps, factor_pct)
            contract = self.state.contracts[name]
            starts = tuple(self.rules.day(session.period).isp_start(row.start) for row in rows)
            rule = Activations(contract)
            earlier = self.state.activated.get(name, ())
            if not any(self.watts(session, name, factor_pct)) or rule.allowed(rule.runs(earlier), starts) is not None:
                effects.append(Send(name, SessionClosed(session.identity)))
                continue
            self.state.activated[name] = tuple(sorted({*earlier, *starts}))
            header = self.header(name, now)
            reference = f"{cause}/{name}"
            price = volume_amount(rows, contract.volume_price, self.rules.isp_minutes)
            rules = self.rules
            orders.append(
                FlexOrder(
                    header, session.period, self.members[name].usage_point, reference, price, rules.currency, rows,
                    rules.timezone, rules.isp_minutes, None, session.identity, factor_pct, contract.contract_id,
                )
            )  # fmt: skip
            self.state.member_orders[reference] = orders[-1]
            self.state.order_sessions[reference] = session
            self.state.order_member[reference] = name
        if not orders:
            return effects
        self.state.filed[cause] = tuple(orders)
        records = tuple(self.record("member-order", order.order_reference, order, now) for order in orders)
        return [*effects, Send(self.config.ledger, Filed(f"members {cause}", records))]

    @on(Receipt)
    def receipt(self, message: Receipt, sender: str, now: datetime) -> list[Effect]:
        """Recorded: now the members may act on it."""
        kind, _, cause = message.reference.partition(" ")
        if kind != "members" or sender != self.config.ledger:
            return []
        orders = self.state.filed.pop(cause, ())
        if message.fault is not None:
            return [Publish("refusal", {"member": sender, "reason": message.fault, "at": now})]
        return [Send(self.state.order_member[order.order_reference], order) for order in orders]

    @on(OrderSplit)
    def split(self, message: OrderSplit, sender: str, now: datetime) -> list[Effect]:
        """How a member's order falls on its elements, with the baselines told before any price."""
        reference = message.order_reference
        if self.state.order_member.get(reference) != sender:
            return []
        session = self.state.order_sessions.pop(reference)
        for element, isps in message.parts:
            if element not in session.elements.get(sender, ()):
                continue
            rows = tuple(
                (row.start, session.baselines[element][row.start - session.first_isp], row.power_w) for row in isps
            )
            period = session.period.isoformat()
            self.state.parts = (*self.state.parts, ElementPart(reference, period, sender, element, rows))
        return []

    @on(FlexOrderResponse)
    def member_answered(self, message: FlexOrderResponse, sender: str, now: datetime) -> list[Effect]:
        """A member cannot follow its order: the holding desk will find what is missing on the meter."""
        if message.result is Result.ACCEPTED:
            return []
        return [Publish("refusal", {"member": sender, "reason": message.rejection_reason, "at": now})]

    def timer_expired(self, message_id: str, now: datetime) -> list[Effect]:
        """Nobody ordered: the members are free again."""
        held = self.state.offers.pop(message_id, None)
        if held is None:
            return []
        return [*self._dismiss(held[1]), *self.next_session(held[1].congestion_point, now)]

    def _dismiss(self, session: VppSession) -> list[Effect]:
        return [Send(name, SessionClosed(session.identity)) for name in sorted(session.elements)]


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
