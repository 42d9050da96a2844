"""A session's split becomes members' orders, recorded before anyone acts on them, and their splits over elements."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import date, datetime

from agents.planning.dispatch.session import SplitEvent, SplitParty
from agents.roles.aggregator.config import AggregatorConfig
from agents.roles.aggregator.order_records import (
    ElementPart,
    MemberMoved,
    MemberOrder,
    MemberOrdersFiling,
    MemberOrdersRefused,
    MembersOrdered,
)
from agents.roles.aggregator.vpp_session import SplitChosen, SplitMoved
from agents.roles.effects import Effect, Publish, Send
from agents.roles.element_messages import OrderReleased
from agents.roles.identity import AgentIdentity
from agents.roles.messages import FileAgain, Filed, OrderSplit, Receipt, SessionClosed
from agents.roles.part import Part, Recovery, on
from agents.roles.parts.contract_use import CallDropped, CallTaken, ContractUse
from agents.roles.parts.contracts import Contracts
from agents.roles.parts.meter_data import MeterData
from agents.roles.parts.recovery import LedgerHistory
from cim.codec.codec import wire
from cim.platform.publications.ledger import RecordRefused
from cim.platform.publications.trading import OrderRefused
from market.contracts.contract import BaselineKind
from market.settlement.elements import volume_amount
from market.uftp import FlexOrder, FlexOrderResponse, Result


@wire("aggregator.MemberOrders")
@dataclass(slots=True)
class MemberOrdersState:
    """Orders of days that are not closed.

    Attributes:
        orders: by reference.
        filed: by cause, references of orders that wait for the receipt.
        parts: how orders fall on elements, as it was told.
    """

    orders: dict[str, MemberOrder] = field(default_factory=dict)
    filed: dict[str, tuple[str, ...]] = field(default_factory=dict)
    parts: tuple[ElementPart, ...] = ()


class MemberOrders(Part[MemberOrdersState]):
    """Orders to the members, their answers, and what becomes of them when they cannot be recorded."""

    def __init__(
        self,
        me: AgentIdentity,
        config: AggregatorConfig,
        *,
        contracts: Contracts,
        meters: MeterData,
        use: ContractUse,
    ) -> None:
        super().__init__(me, MemberOrdersState())
        self.ledger, self._members = config.ledger, config.by_name()
        self._contracts, self._meters, self._use = contracts, meters, use

    def order(self, reference: str) -> FlexOrder:
        """An order to a member."""
        return self.state.orders[reference].order

    def parts_of(self, member: str, period: date) -> list[ElementPart]:
        """How a member's orders of a day fall on its elements."""
        return [part for part in self.state.parts if part.member == member and part.period == period]

    @on(SplitChosen)
    def chosen(self, event: SplitChosen, now: datetime) -> list[Effect]:
        """Put a session's split into force: record each member's order first, send it on the receipt."""
        session, state = event.session, self.state
        references: list[str] = []
        effects: list[Effect] = []
        for name in session.taking_part:
            order = self._order(event, name, now)
            fault = None if order is None else self._use.fault(order)
            if order is None or fault is not None:
                effects.append(Send(name, SessionClosed(session.identity)))
                if fault is not None:
                    effects.append(self.me.lapse("member order", event.cause, name, fault, now))
                continue
            own = {element: session.baselines_w[element] for element in session.elements[name]}
            effects += self.emit(CallTaken(order), now)
            state.orders[order.order_reference] = MemberOrder(name, order, own, session.first_isp)
            references.append(order.order_reference)
        if not references:
            effects = [*self.emit(MembersOrdered(event.cause), now), *effects]
            return effects + self._session_moved(session.identity, SplitEvent.NOTHING_TO_ORDER, now)
        state.filed[event.cause] = tuple(references)
        effects.append(Send(self.ledger, self._filed(event.cause)))
        return effects + self._session_moved(session.identity, SplitEvent.FILED, now)

    def _session_moved(self, session: str, what: SplitEvent, now: datetime) -> list[Effect]:
        return self.emit(SplitMoved(session, SplitParty.AGGREGATOR, what), now)

    def _order(self, chosen: SplitChosen, member: str, now: datetime) -> FlexOrder | None:
        """A member's order; None where it has no contract, would lose by one, or moves nothing."""
        session, rules = chosen.session, self.rules
        contract = self._contracts.contract_on(member, session.period)
        asked = session.asked_e4_per_kwh.get(member)
        if contract is None or asked is None:  # it had one when the session was opened; it would lose by an order
            return None
        isps = session.member_isps(member, chosen.isps, chosen.factor_pct)
        if not any(session.member_w(member, chosen.factor_pct)):
            return None
        reference = f"{chosen.cause}/{member}"
        return FlexOrder(
            header=self.me.header(member, now, None, "FlexOrder", reference),
            period=session.period,
            congestion_point=self._members[member].usage_point,
            order_reference=reference,
            price=volume_amount(isps, asked, rules.isp_minutes),
            currency=rules.currency,
            isps=isps,
            timezone=rules.timezone,
            isp_minutes=rules.isp_minutes,
            option_reference=session.identity,
            activation_factor_pct=session.member_factor_pct(member, chosen.factor_pct),
            contract_id=contract.contract_id,
        )

    def _filed(self, cause: str) -> Filed:
        orders = [self.order(reference) for reference in self.state.filed[cause]]
        records = (
            self.me.record("member-order", o.order_reference, o, o.header.time_stamp, salted=True) for o in orders
        )
        return Filed(MemberOrdersFiling(cause), tuple(records))

    @on(FileAgain)
    def file_again(self, message: FileAgain, sender: str, now: datetime) -> list[Effect]:
        """The keeper has forgotten everything: file once more, to the letter, the orders that wait for a receipt."""
        return [Send(sender, self._filed(cause)) for cause in self.state.filed] if sender == self.ledger else []

    @on(MemberOrdersFiling)
    def receipt(self, receipt: Receipt, sender: str, now: datetime) -> list[Effect]:
        """Recorded: now the members may act on it."""
        filing = receipt.reference
        if sender != self.ledger or not isinstance(filing, MemberOrdersFiling):
            return []
        references = self.state.filed.pop(filing.cause, None)
        if references is None:
            return [self.me.lapse("Receipt", str(filing), sender, "nothing waits for it", now)]
        session = self.order(references[0]).option_reference or ""
        if receipt.fault is not None:
            effects = self._undo(filing.cause, references, receipt.fault, now)
            return effects + self.emit(SplitMoved(session, SplitParty.LEDGER, SplitEvent.NOT_RECORDED), now)
        effects = self.emit(MembersOrdered(filing.cause), now)
        effects += [Send(self.state.orders[reference].member, self.order(reference)) for reference in references]
        return effects + self.emit(SplitMoved(session, SplitParty.LEDGER, SplitEvent.RECEIPT), now)

    def _undo(self, cause: str, references: tuple[str, ...], fault: str, now: datetime) -> list[Effect]:
        """Members' orders that could not be recorded are none."""
        state = self.state
        effects: list[Effect] = [Publish(RecordRefused(now, self.ledger, " ".join(references), fault))]
        for reference in references:
            undone = state.orders.pop(reference)
            name, session = undone.member, undone.order.option_reference or ""
            effects += self.emit(CallDropped(undone.order), now)
            effects += [self.me.lapse("FlexOrder", reference, name, fault, now), Send(name, SessionClosed(session))]
        return effects + self.emit(MemberOrdersRefused(cause, fault), now)

    @on(OrderSplit)
    def split(self, message: OrderSplit, sender: str, now: datetime) -> list[Effect]:
        """How a member's order falls on its elements, with the baselines told before any price."""
        reference = message.order_reference
        own = self.state.orders.get(reference)
        if own is None or own.member != sender or not own.baselines_w:
            return [self.me.lapse("OrderSplit", reference, sender, "no such order waits for its split", now)]
        self.state.orders[reference] = replace(own, baselines_w={})
        moved = tuple((row.start, row.power_w) for _, isps in message.parts for row in isps)
        for element, isps in message.parts:
            if element in own.baselines_w:
                known = own.baselines_w[element]
                rows = tuple((row.start, known[row.start - own.first_isp], row.power_w) for row in isps)
                part = ElementPart(reference, own.order.period, sender, element, rows)
                self.state.parts = (*self.state.parts, part)
        return self.emit(MemberMoved(sender, own.order.period, moved), now)

    @on(OrderReleased)
    def released(self, message: OrderReleased, sender: str, now: datetime) -> list[Effect]:
        """A station is free of what an order was to move of its vehicle: neither paid nor fined from then on.

        Only of what is settled by session, whose end is its member's to tell, and only of ISPs that are not over.
        """
        own = self.state.orders.get(message.order_reference)
        if own is None or own.member != sender or not self._by_session(message.element, own):
            why = "no such order, or an element that is not settled by session"
            return [self.me.lapse("OrderReleased", message.order_reference, sender, why, now)]
        day = self.rules.day(own.order.period)
        free = {isp for isp in message.isps if 1 <= isp <= day.count and now < day.isp_start(isp + 1)}
        mine = (message.order_reference, message.element)
        parts = (
            replace(part, isps=tuple(row for row in part.isps if row[0] not in free))
            if (part.order_reference, part.element) == mine
            else part
            for part in self.state.parts
        )
        self.state.parts = tuple(part for part in parts if part.isps)
        return []

    def _by_session(self, element: str, own: MemberOrder) -> bool:
        contract = self._contracts.contract_on(own.member, own.order.period)
        covered = None if contract is None else contract.element(element)
        return covered is not None and covered.baseline is BaselineKind.SESSION

    @on(FlexOrderResponse)
    def member_answered(self, message: FlexOrderResponse, sender: str, now: datetime) -> list[Effect]:
        """A member cannot follow its order: what is missing will show on the meter, and is corrected."""
        if message.result is Result.ACCEPTED:
            return []
        refused, reason = message.flex_order_message_id, message.rejection_reason or "refused"
        orders = self.state.orders.items()
        reference = next((key for key, own in orders if own.order.header.message_id == refused), refused)
        return [Publish(OrderRefused(now, reference, self.rules.domains[sender], reason))]

    def prune(self, before: date) -> None:
        """Days that are closed for good."""
        state = self.state
        waiting = {reference for references in state.filed.values() for reference in references}
        state.orders = {k: own for k, own in state.orders.items() if own.order.period >= before or k in waiting}
        state.parts = tuple(part for part in state.parts if part.period >= before)

    def recover(self, history: LedgerHistory, now: datetime) -> Recovery:
        """Members' orders as recorded; how they fall on elements is recorded nowhere."""
        state, unsplit = self.state, dict[date, int]()
        for reference, order in history.of("member-order", FlexOrder).items():
            name = self.rules.name_of(order.header.recipient_domain)
            if name is None or not self._contracts.with_peer(name) or order.header.sender_domain != self.me.domain:
                continue
            state.orders[reference] = MemberOrder(name, order)
            if not self._meters.is_closed(order.period):
                unsplit[order.period] = unsplit.get(order.period, 0) + 1
        return Recovery(
            forgotten=[
                f"how {count} orders to members on {period} fall on their elements: neither paid nor fined"
                for period, count in unsplit.items()
            ]
        )
