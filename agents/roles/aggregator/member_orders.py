"""The aggregator's ordering desk: a session's split becomes members' orders, recorded before anyone acts on them."""

from __future__ import annotations

from datetime import datetime

from agents.roles.aggregator.state import ElementPart, VppSession, place
from agents.roles.aggregator.vpp_sessions import CoordinatingDesk
from agents.roles.effects import Effect, Publish, Send
from agents.roles.messages import Filed, OrderSplit, Receipt, SessionClosed
from agents.roles.part import on
from cim.platform.publications import OrderRefused, RecordRefused
from market.contracts.activations import Activations
from market.settlement.elements import volume_amount
from market.uftp import FlexOrder, FlexOrderResponse, IspPower, Result


class OrderingDesk(CoordinatingDesk):
    """Orders to the members, their answers, and what becomes of them when they cannot be recorded."""

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

    def answer_order(self, message: FlexOrder, now: datetime, fault: str | None) -> Effect:
        """Take or refuse the DSO's order."""
        return Send(self.config.dso, FlexOrderResponse(*self.reply(self.config.dso, now, message, fault)))

    def order_members(
        self, session: VppSession, isps: tuple[IspPower, ...], factor_pct: int, cause: str, now: datetime
    ) -> list[Effect]:
        """Put a session's split into force: record each member's order first, send it on the receipt."""
        orders: list[FlexOrder] = []
        effects: list[Effect] = []
        for name in self.taking(session):
            rows = self.member_isps(session, name, isps, factor_pct)
            contract, day = self.contract_on(name, session.period), self.rules.day(session.period)
            if contract is None:  # the session's members had one when it was opened
                effects.append(Send(name, SessionClosed(session.identity)))
                continue
            starts = tuple(day.isp_start(row.start) for row in rows)
            rule = Activations(contract)
            earlier = self.state.activated.get(name, ())
            begin = self.rules.day(contract.start_date).start
            runs = rule.runs([start for start in earlier if start >= begin])
            if not any(self.watts(session, name, factor_pct)) or rule.allowed(runs, starts) is not None:
                effects.append(Send(name, SessionClosed(session.identity)))
                continue
            self.state.activated[name] = tuple(sorted({*earlier, *starts}))
            reference = f"{cause}/{name}"
            header = self.header(name, now, None, "FlexOrder", reference)
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
        return [*effects, Send(self.config.ledger, self._filed(cause))]

    def _filed(self, cause: str) -> Filed:
        orders = self.state.filed[cause]
        records = (self.record("member-order", o.order_reference, o, o.header.time_stamp) for o in orders)
        return Filed(f"members {cause}", tuple(records))

    def unconfirmed(self) -> list[Filed]:
        """The members' orders that wait for their receipt."""
        return [self._filed(cause) for cause in self.state.filed]

    @on(Receipt)
    def receipt(self, message: Receipt, sender: str, now: datetime) -> list[Effect]:
        """Recorded: now the members may act on it."""
        kind, _, cause = str(message.reference).partition(" ")
        if kind != "members" or sender != self.config.ledger:
            return super().receipt(message, sender, now)
        orders = self.state.filed.pop(cause, None)
        if orders is None:
            return [self.lapse("Receipt", str(message.reference), sender, "nothing waits for it", now)]
        point = self.state.order_sessions[orders[0].order_reference].congestion_point
        order = self.state.answers.pop(cause, None)
        if message.fault is not None:
            effects = self._undo(orders, order, message.fault, now)
        else:
            effects = [] if order is None else [self.answer_order(order, now, None)]
            effects += [Send(self.state.order_member[own.order_reference], own) for own in orders]
        return [*effects, *self.next_session(point, now)]

    def _undo(self, orders: tuple[FlexOrder, ...], order: FlexOrder | None, fault: str, now: datetime) -> list[Effect]:
        """Members' orders that could not be recorded are none; the DSO's order behind them is refused."""
        state, ledger = self.state, self.config.ledger
        effects: list[Effect] = [
            Publish(RecordRefused(now, ledger, " ".join(own.order_reference for own in orders), fault))
        ]
        for own in orders:
            reference = own.order_reference
            session, name = state.order_sessions.pop(reference), state.order_member.pop(reference)
            del state.member_orders[reference]
            kept = {start for o in state.member_orders.values() if state.order_member[o.order_reference] == name
                    for start in self._starts(o)}  # fmt: skip
            ours = self._starts(own)
            state.activated[name] = tuple(s for s in state.activated[name] if s in kept or s not in ours)
            effects += [
                self.lapse("FlexOrder", reference, name, fault, now),
                Send(name, SessionClosed(session.identity)),
            ]
        if order is not None:
            state.orders = tuple(o for o in state.orders if o.order_reference != order.order_reference)
            held = state.baselines.get(place(order.congestion_point, order.period), {})
            day = self.rules.day(order.period)
            left = {row.start for o in state.orders if o.congestion_point == order.congestion_point
                    and o.period == day.day for row in o.isps}  # fmt: skip
            for row in order.isps:
                if row.start not in left:
                    held.pop(row.start, None)
            effects.append(self.answer_order(order, now, f"the members' orders are not recorded: {fault}"))
        return effects

    def _starts(self, order: FlexOrder) -> tuple[datetime, ...]:
        day = self.rules.day(order.period)
        return tuple(day.isp_start(row.start) for row in order.isps)

    @on(OrderSplit)
    def split(self, message: OrderSplit, sender: str, now: datetime) -> list[Effect]:
        """How a member's order falls on its elements, with the baselines told before any price."""
        reference = message.order_reference
        session = self.state.order_sessions.get(reference)
        if self.state.order_member.get(reference) != sender or session is None:
            return [self.lapse("OrderSplit", reference, sender, "no such order waits for its split", now)]
        del self.state.order_sessions[reference]
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
        refused, reason = message.flex_order_message_id, message.rejection_reason or "refused"
        orders = self.state.member_orders
        reference = next((key for key, own in orders.items() if own.header.message_id == refused), refused)
        return [Publish(OrderRefused(now, reference, self.rules.domains[sender], reason))]

    def dismiss(self, session: VppSession) -> list[Effect]:
        """Tell the members that a session led to nothing."""
        return [Send(name, SessionClosed(session.identity)) for name in sorted(session.elements)]
