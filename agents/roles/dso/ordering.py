"""The DSO's orders: what was chosen is recorded, then placed; the baseline of an ordered ISP is frozen for good.

An order follows `market.trading.conversation`'s table.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime

from agents.roles.dso.prognoses import Prognoses
from agents.roles.dso.revocations import Revocations
from agents.roles.effects import Effect, Publish, Send
from agents.roles.identity import AgentIdentity
from agents.roles.messages import FileAgain, Filed, Receipt
from agents.roles.part import Part, Recovery, on
from agents.roles.parts.contract_use import CallDropped, CallTaken, ContractUse
from agents.roles.parts.contracts import Contracts
from agents.roles.parts.filing import Filing
from agents.roles.parts.keys import SellerPointDay
from agents.roles.parts.meter_data import MeterData
from agents.roles.parts.recovery import LedgerHistory
from agents.roles.publications import order_placed
from cim.codec.codec import wire
from cim.platform.publications.ledger import RecordRefused
from cim.platform.publications.trading import OrderRefused
from market.contracts.enforcement import price_range_e4
from market.settlement.day import freeze
from market.uftp import FlexOffer, FlexOrder, FlexOrderResponse, Result


@dataclass(frozen=True, slots=True)
class OffersChosen:
    """Told inside the DSO: these offers are to be ordered if nothing speaks against it, each by a factor in percent; at least one.

    `price` is what the market's mechanism pays; None is the offered one. `by_hand`: people chose, and no round waits for it.
    """

    period: date
    point: str
    chosen: tuple[tuple[str, FlexOffer, int, int | None], ...]
    by_hand: bool = False


@dataclass(frozen=True, slots=True)
class OffersChecked:
    """Told inside the DSO: of what was chosen, these break nothing in a power flow; maybe none."""

    period: date
    point: str
    chosen: tuple[tuple[str, FlexOffer, int, int | None], ...]
    by_hand: bool = False


@dataclass(frozen=True, slots=True)
class OrdersPlaced:
    """Told inside the DSO: what was chosen for a congestion point is ordered, or could not be recorded."""

    period: date
    point: str
    by_hand: bool = False


@wire("dso.OrdersFiling")
@dataclass(frozen=True, slots=True)
class OrdersFiling:
    """The reference under which the orders of one choice are filed."""

    period: date
    point: str
    first_order: str
    by_hand: bool = False

    def __str__(self) -> str:
        return f"orders {self.period} {self.point} {self.first_order}"


@wire("dso.Ordering")
@dataclass(slots=True)
class OrderingState:
    """Orders of days that are not settled.

    Attributes:
        filed: orders that wait for their record.
        orders: orders in force.
        baselines_w: by place, ISP -> watts of the prognosis that its first order stands on.
    """

    filed: dict[OrdersFiling, tuple[FlexOrder, ...]] = field(default_factory=dict)
    orders: dict[SellerPointDay, tuple[FlexOrder, ...]] = field(default_factory=dict)
    baselines_w: dict[SellerPointDay, dict[int, int]] = field(default_factory=dict)


class Ordering(Part[OrderingState]):
    """Places orders on the ledger's receipt, and takes back what a seller refuses."""

    def __init__(
        self,
        me: AgentIdentity,
        ledger: str,
        *,
        prognoses: Prognoses,
        contracts: Contracts,
        meters: MeterData,
        use: ContractUse,
        revocations: Revocations,
    ) -> None:
        super().__init__(me, OrderingState())
        self.ledger, self._prognoses, self._contracts, self._meters = ledger, prognoses, contracts, meters
        self._use, self._revocations = use, revocations

    # ---- what is ordered -------------------------------------------------------------------------------------------------

    def at(self, place: SellerPointDay) -> tuple[FlexOrder, ...]:
        """The orders in force at a place."""
        return self.state.orders.get(place, ())

    def has_ordered(self, offer: str) -> bool:
        """Whether an order for an offer (its message id) was sent and is in force."""
        return any(order.flex_offer_message_id == offer for orders in self.state.orders.values() for order in orders)

    def baseline_w(self, place: SellerPointDay) -> dict[int, int]:
        """ISP -> watts, of the ISPs in which something is ordered."""
        return self.state.baselines_w.get(place, {})

    def ordered_w(self, place: SellerPointDay) -> dict[int, int]:
        """ISP -> watts ordered so far."""
        total: dict[int, int] = {}
        for order in self.at(place):
            for row in order.isps:
                total[row.start] = total.get(row.start, 0) + row.power_w
        return total

    def promised_w(self, place: SellerPointDay) -> dict[int, int]:
        """ISP -> watts that the seller promised to draw: baseline and orders."""
        ordered = self.ordered_w(place)
        return {isp: baseline + ordered.get(isp, 0) for isp, baseline in self.baseline_w(place).items()}

    # ---- ordering --------------------------------------------------------------------------------------------------------

    def fault(self, seller: str, offer: FlexOffer, factor_pct: int, now: datetime) -> str | None:
        """Why its contract does not allow to order the only option of an offer by a factor in percent, in words, or None."""
        return self._use.fault(self._order(seller, offer, factor_pct, None, now))

    def takes(self, seller: str, offer: FlexOffer) -> str:
        """The reference of the order that an offer would lead to."""
        return self.me.identifier("order", seller, offer.header.message_id)

    def knows(self, reference: str) -> bool:
        """Whether an order is in force, or being recorded."""
        filed = (order for orders in self.state.filed.values() for order in orders)
        placed = (order for orders in self.state.orders.values() for order in orders)
        return any(order.order_reference == reference for known in (filed, placed) for order in known)

    @on(OffersChecked)
    def checked(self, event: OffersChecked, now: datetime) -> list[Effect]:
        """Record the orders (with the prognoses they stand on) before anyone acts on them."""
        orders, effects = list[FlexOrder](), list[Effect]()
        for seller, offer, factor, price in event.chosen:
            order = self._order(seller, offer, factor, price, now)
            fault = self._use.fault(order)  # what its contract allowed when it was offered may be used up since
            if fault is None:
                orders.append(order)
                effects += self.emit(CallTaken(order), now)
            else:
                effects.append(self.me.lapse("FlexOffer", offer.header.message_id, seller, fault, now))
        if not orders:
            return effects + self.emit(OrdersPlaced(event.period, event.point, event.by_hand), now)
        filing = OrdersFiling(event.period, event.point, orders[0].order_reference, event.by_hand)
        self.state.filed[filing] = tuple(orders)
        return [*effects, Send(self.ledger, self._filed(filing, orders))]

    def _filed(self, filing: OrdersFiling, orders: Sequence[FlexOrder]) -> Filed:
        records = []
        for order in orders:
            at, prognosis = order.header.time_stamp, self._prognoses.by_id(order.d_prognosis_message_id)
            records.append(self.me.record("flex-order", order.order_reference, order, at))
            if prognosis is not None:
                name = f"{prognosis.header.message_id}/{order.order_reference}"
                records.append(self.me.record("d-prognosis", name, prognosis, at))
        return Filed(filing, tuple(records))

    @on(FileAgain)
    def file_again(self, message: FileAgain, sender: str, now: datetime) -> list[Effect]:
        """The keeper has forgotten everything: file once more what waits for its receipt."""
        if sender != self.ledger:
            return []
        return [Send(self.ledger, self._filed(filing, orders)) for filing, orders in self.state.filed.items()]

    def _order(
        self, seller: str, offer: FlexOffer, factor_pct: int, mechanism_price: int | None, now: datetime
    ) -> FlexOrder:
        option = offer.options[0]
        price, isps = option.activated(factor_pct)
        rules = self.rules
        if mechanism_price is not None:
            contract = self._contracts.by_id(offer.contract_id, offer.period)
            if contract is not None:  # its price is the most that was agreed in advance
                call = self._use.call(contract, offer.period, offer.congestion_point, isps)
                mechanism_price = min(mechanism_price, price_range_e4(contract, call)[1])
            price = max(mechanism_price, price)
        reference = self.me.identifier("order", seller, offer.header.message_id)
        return FlexOrder(
            self.me.header(seller, now, offer.header.conversation_id, "FlexOrder", reference),
            offer.period, offer.congestion_point, reference, price, offer.currency, isps, rules.timezone,
            rules.isp_minutes, offer.header.message_id, option.option_reference, factor_pct, offer.contract_id,
            self._prognoses.standing(offer.d_prognosis_message_id),
        )  # fmt: skip

    @on(OrdersFiling)
    def receipt(self, receipt: Receipt, sender: str, now: datetime) -> list[Effect]:
        """Recorded: now order, and freeze the baselines."""
        filing = receipt.reference
        if sender != self.ledger or not isinstance(filing, OrdersFiling):
            return []
        orders = self.state.filed.pop(filing, None)
        if orders is None:
            return [self.me.lapse("Receipt", str(filing), sender, "nothing waits for it", now)]
        effects: list[Effect] = []
        if receipt.fault is not None:
            effects.append(Publish(RecordRefused(now, sender, str(filing), receipt.fault)))
            for order in orders:
                effects += self.emit(CallDropped(order), now)
            orders = ()
        for order in orders:
            seller = self.rules.name_of(order.header.recipient_domain)
            if seller is not None and self._revocations.is_revoked(seller, order.flex_offer_message_id or ""):
                effects += self._revoked_meanwhile(seller, order, now)
            elif seller is not None:
                self._in_force(seller, order)
                effects += [Send(seller, order), order_placed(order)]
        return effects + self.emit(OrdersPlaced(filing.period, filing.point, filing.by_hand), now)

    def _revoked_meanwhile(self, seller: str, order: FlexOrder, now: datetime) -> list[Effect]:
        """The offer was revoked while its order was being recorded: it is not sent, and the ledger says that it is none."""
        reason = f"FlexOfferMessageID: {order.flex_offer_message_id} was revoked"
        refusal = FlexOrderResponse(*self.me.reply(seller, now, order, reason))
        return [*self.emit(CallDropped(order), now), *self._refused(seller, order.order_reference, refusal, now)]

    def _in_force(self, seller: str, order: FlexOrder) -> None:
        place = SellerPointDay(seller, order.congestion_point, order.period)
        self.state.orders[place] = (*self.at(place), order)
        prognosis = self._prognoses.by_id(order.d_prognosis_message_id)
        if prognosis is not None:
            freeze(self.state.baselines_w.setdefault(place, {}), order, prognosis)

    @on(FlexOrderResponse)
    def order_answered(self, message: FlexOrderResponse, sender: str, now: datetime) -> list[Effect]:
        """An order that the seller refuses is none; that it was refused is recorded beside it."""
        if message.result is Result.ACCEPTED:
            return []
        for place, orders in sorted(self.state.orders.items()):
            for order in orders:
                if order.header.message_id == message.flex_order_message_id and place[0] == sender:
                    return self._withdraw(SellerPointDay(*place), order, message, now)
        why = "no such order is open"
        return [self.me.lapse("FlexOrderResponse", message.flex_order_message_id, sender, why, now)]

    def _withdraw(
        self, place: SellerPointDay, order: FlexOrder, refusal: FlexOrderResponse, now: datetime
    ) -> list[Effect]:
        reference = order.order_reference
        self.state.orders[place] = tuple(o for o in self.at(place) if o.order_reference != reference)
        left = {row.start for other in self.at(place) for row in other.isps}
        for row in order.isps:
            if row.start not in left:
                self.baseline_w(place).pop(row.start, None)
        return [*self.emit(CallDropped(order), now), *self._refused(place.seller, reference, refusal, now)]

    def _refused(self, seller: str, reference: str, refusal: FlexOrderResponse, now: datetime) -> list[Effect]:
        record = self.me.record("flex-order-refusal", reference, refusal, now)
        reason = refusal.rejection_reason or "refused"
        return [
            Send(self.ledger, Filed(Filing("refusal", reference), (record,))),
            self.me.lapse("FlexOrder", reference, seller, reason, now),
            Publish(OrderRefused(now, reference, self.rules.domains[seller], reason)),
        ]

    # ---- remembering and forgetting --------------------------------------------------------------------------------------

    def prune(self, before: date) -> None:
        """Days that are closed for good; until then a settled day may be settled anew."""
        state = self.state
        state.orders = {place: orders for place, orders in state.orders.items() if place.period >= before}
        state.baselines_w = {place: baseline for place, baseline in state.baselines_w.items() if place.period >= before}

    def recover(self, history: LedgerHistory, now: datetime) -> Recovery:
        """Recorded orders that were not refused are in force, and sent again: they may not have reached their sellers."""
        known = {None, *(c.contract_id for c in self._contracts.all())}
        effects, unusable = list[Effect](), []
        for reference, order, prognosis in history.standing_orders(now):
            seller = self.rules.name_of(order.header.recipient_domain)
            mine = order.header.sender_domain == self.me.domain
            if not mine or seller is None or self._meters.is_closed(order.period):
                continue
            if prognosis is None or order.contract_id not in known:
                unusable.append(f"order {reference}: its prognosis or contract is not recorded")
                continue
            self._prognoses.recall(SellerPointDay(seller, order.congestion_point, order.period), prognosis)
            self._in_force(seller, order)
            if now < self.rules.day(order.period).end:
                effects.append(Send(seller, order))
        return Recovery(effects, unusable)
