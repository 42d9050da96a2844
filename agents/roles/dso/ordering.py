"""The DSO's ordering desk: the choice becomes orders, recorded before they are sent, and undone when refused."""

from __future__ import annotations

from datetime import date, datetime

from agents.roles.dso.flex_trading import DsoTradingDesk
from agents.roles.dso.state import place
from agents.roles.effects import Effect, Publish, Send
from agents.roles.messages import Filed, Receipt
from agents.roles.part import on
from agents.roles.publications import order_placed
from cim.platform.publications import OrderRefused, RecordRefused
from market.settlement.day import freeze
from market.uftp import FlexOffer, FlexOrder, FlexOrderResponse, Result


class DsoOrderingDesk(DsoTradingDesk):
    """What was chosen is ordered; with it the round goes on to the next congestion point."""

    def computed_selection(self, period: str, factors: tuple[int, ...], now: datetime) -> list[Effect]:
        """The choice is made: record the orders (with the prognoses they stand on) before anyone acts on them."""
        current = self.state.rounds.get(period)
        if current is None or now >= self.rules.day(date.fromisoformat(period)).end:
            self.state.rounds.pop(period, None)
            return [self.lapse("selection", period, self.name, "its day is over", now)]
        orders = [
            self._order(seller, current.offers[seller], factor, now)
            for seller, factor in zip(sorted(current.offers), factors, strict=True)
            if factor
        ]
        if not orders:
            return self.analyse(period, current.todo, now)
        reference = f"{period} {current.point} {orders[0].order_reference}"
        self.state.filed[reference] = tuple(orders)
        return [Send(self.ledger, self._filed(reference))]

    def _filed(self, reference: str) -> Filed:
        records = []
        for order in self.state.filed[reference]:
            at = order.header.time_stamp
            records.append(self.record("flex-order", order.order_reference, order, at))
            prognosis = self.state.by_id[order.d_prognosis_message_id or ""]
            name = f"{prognosis.header.message_id}/{order.order_reference}"
            records.append(self.record("d-prognosis", name, prognosis, at))
        return Filed(f"orders {reference}", tuple(records))

    def unconfirmed(self) -> list[Filed]:
        """The orders that wait for their receipt."""
        return [self._filed(reference) for reference in self.state.filed]

    def _order(self, seller: str, offer: FlexOffer, factor: int, now: datetime) -> FlexOrder:
        option = offer.options[0]
        price, isps = option.activated(factor)
        rules = self.rules
        reference = self.identifier("order", seller, offer.header.message_id)
        return FlexOrder(
            self.header(seller, now, offer.header.conversation_id, "FlexOrder", reference),
            offer.period, offer.congestion_point, reference, price, offer.currency, isps, rules.timezone, rules.isp_minutes,
            offer.header.message_id, option.option_reference, factor, offer.contract_id, offer.d_prognosis_message_id,
        )  # fmt: skip

    @on(Receipt)
    def receipt(self, message: Receipt, sender: str, now: datetime) -> list[Effect]:
        """Recorded: now order, freeze the baselines, and go on to the next congestion point."""
        kind, _, reference = str(message.reference).partition(" ")
        if kind != "orders" or sender != self.ledger:
            return super().receipt(message, sender, now)
        effects: list[Effect] = []
        period, point, _ = reference.split(" ", 2)
        filed = self.state.filed.pop(reference, None)
        if filed is None:
            return [self.lapse("Receipt", str(message.reference), sender, "nothing waits for it", now)]
        if message.fault is not None:
            effects.append(Publish(RecordRefused(now, sender, str(message.reference), message.fault)))
            filed = ()
        for order in filed:
            seller = self.rules.name_of(order.header.recipient_domain)
            if seller is None:
                continue
            key = place(seller, order.congestion_point, self.rules.day(order.period))
            self.state.orders[key] = (*self.state.orders.get(key, ()), order)
            prognosis = self.state.by_id[order.d_prognosis_message_id or ""]
            freeze(self.state.baselines.setdefault(key, {}), order, prognosis)
            effects += [Send(seller, order), order_placed(order)]
        current = self.state.rounds.get(period)
        over = current is None or current.point != point
        return effects if over or current is None else [*effects, *self.analyse(period, current.todo, now)]

    @on(FlexOrderResponse)
    def order_answered(self, message: FlexOrderResponse, sender: str, now: datetime) -> list[Effect]:
        """An order that the seller refuses is none; that it was refused is recorded beside it."""
        if message.result is Result.ACCEPTED:
            return []
        for key, orders in sorted(self.state.orders.items()):
            for order in orders:
                if order.header.message_id == message.flex_order_message_id and key.partition("|")[0] == sender:
                    return self._withdraw(key, order, message, now)
        return [self.lapse("FlexOrderResponse", message.flex_order_message_id, sender, "no such order is open", now)]

    def _withdraw(self, key: str, order: FlexOrder, refusal: FlexOrderResponse, now: datetime) -> list[Effect]:
        state, seller = self.state, key.partition("|")[0]
        state.orders[key] = tuple(o for o in state.orders[key] if o.order_reference != order.order_reference)
        left = {row.start for other in state.orders[key] for row in other.isps}
        for row in order.isps:
            if row.start not in left:
                state.baselines.get(key, {}).pop(row.start, None)
        reason = refusal.rejection_reason or "refused"
        record = self.record("flex-order-refusal", order.order_reference, refusal, now)
        return [
            Send(self.ledger, Filed(f"refusal {order.order_reference}", (record,))),
            self.lapse("FlexOrder", order.order_reference, seller, reason, now),
            Publish(OrderRefused(now, order.order_reference, order.header.recipient_domain, reason)),
        ]
