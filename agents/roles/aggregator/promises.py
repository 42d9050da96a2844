"""What is promised to the DSO: the orders in force, and the baseline that the first order of an ISP froze."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime

import numpy as np

from agents.planning.dispatch.keeping import worth_correcting
from agents.roles.aggregator.vpp_session import PointDay
from agents.roles.effects import Effect
from agents.roles.identity import AgentIdentity
from agents.roles.part import Part, Recovery, on
from agents.roles.parts.contracts import Contracts
from agents.roles.parts.recovery import LedgerHistory
from cim.codec.codec import wire
from cim.model.arrays import Floats, Mask
from cim.model.intervals import LocalDay
from market.settlement.day import freeze
from market.uftp import DPrognosis, FlexOrder


@dataclass(frozen=True, slots=True)
class OrderTaken:
    """Told inside the role: an order of the DSO is taken; `prognosis` is the one it was offered against."""

    order: FlexOrder
    prognosis: DPrognosis | None


@dataclass(frozen=True, slots=True)
class OrderDropped:
    """Told inside the role: an order that was taken is refused after all."""

    order: FlexOrder


@wire("aggregator.Promises")
@dataclass(slots=True)
class PromisesState:
    """The DSO's orders in force, and watts by ISP (1-based), frozen at the first order of the ISP."""

    orders: tuple[FlexOrder, ...] = ()
    baselines: dict[PointDay, dict[int, int]] = field(default_factory=dict)


class Promises(Part[PromisesState]):
    """Keeps what was promised, until its day is closed."""

    def __init__(self, me: AgentIdentity, dso: str, contracts: Contracts) -> None:
        super().__init__(me, PromisesState())
        self._dso, self._contracts = dso, contracts

    def in_force(self, reference: str) -> bool:
        """Whether an order of that reference is."""
        return any(order.order_reference == reference for order in self.state.orders)

    def orders_on(self, congestion_point: str, period: date) -> list[FlexOrder]:
        """The DSO's orders at a congestion point on a day, in the order in which they were taken."""
        return [o for o in self.state.orders if o.congestion_point == congestion_point and o.period == period]

    def baseline_w(self, congestion_point: str, period: date) -> Mapping[int, int]:
        """ISP (1-based) -> watts where something is ordered."""
        return self.state.baselines.get(PointDay(congestion_point, period), {})

    def ordered_kw(self, congestion_point: str, day: LocalDay) -> Floats:
        """[T] kW the DSO ordered at a congestion point on a day."""
        total = np.zeros(day.count)
        for order in self.orders_on(congestion_point, day.day):
            for row in order.isps:
                total[row.start - 1 : row.start - 1 + row.duration] += row.power_w / 1000
        return total

    def worth_keeping(self, congestion_point: str, day: LocalDay, missing_kw: Floats) -> Mask:
        """[T] where it costs no more to give what is missing than to be fined for it, members being paid as the DSO pays.

        Without a contract nothing is fined, and everything is kept for its own sake.
        """
        contract = self._contracts.contract_on(self._dso, day.day)
        orders = self.orders_on(congestion_point, day.day)
        paid_e4 = sum(order.price for order in orders)
        kwh = sum(abs(row.power_w) * row.duration for order in orders for row in order.isps) / 1000 * self.rules.hours
        if contract is None or not kwh:
            return np.ones(day.count, dtype=np.bool_)
        ordered = self.ordered_kw(congestion_point, day)
        prices = {"price_e4_per_kwh": paid_e4 / kwh, "penalty_e4_per_kwh": float(contract.penalty_e4_per_kwh)}
        return worth_correcting(missing_kw, ordered, **prices)

    def promise_kw(self, congestion_point: str, day: LocalDay, ordered_kw: Floats) -> Floats:
        """[T] kW promised (baseline + `ordered_kw`) where something is ordered, NaN elsewhere."""
        promise = np.full(day.count, np.nan)
        for isp, baseline in self.baseline_w(congestion_point, day.day).items():
            promise[isp - 1] = baseline / 1000 + ordered_kw[isp - 1]
        return promise

    @on(OrderTaken)
    def taken(self, event: OrderTaken, now: datetime) -> list[Effect]:
        """The baseline of an ISP is the prognosis its first order was offered against, for good."""
        order = event.order
        self.state.orders = (*self.state.orders, order)
        held = self.state.baselines.setdefault(PointDay(order.congestion_point, order.period), {})
        if event.prognosis is not None:
            freeze(held, order, event.prognosis)
        return []

    @on(OrderDropped)
    def dropped(self, event: OrderDropped, now: datetime) -> list[Effect]:
        """Its ISPs have no baseline any more, unless another order is about them."""
        dropped = event.order
        self.state.orders = tuple(o for o in self.state.orders if o.order_reference != dropped.order_reference)
        held = self.state.baselines.get(PointDay(dropped.congestion_point, dropped.period), {})
        left = {row.start for o in self.orders_on(dropped.congestion_point, dropped.period) for row in o.isps}
        for row in dropped.isps:
            if row.start not in left:
                held.pop(row.start, None)
        return []

    def prune(self, before: date) -> None:
        """Days that are closed for good."""
        self.state.orders = tuple(order for order in self.state.orders if order.period >= before)
        self.state.baselines = {k: v for k, v in self.state.baselines.items() if k.period >= before}

    def recover(self, history: LedgerHistory, now: datetime) -> Recovery:
        """The DSO's orders that were not refused, and the baselines they froze.

        What was promised is recorded whole, and is kept: what the members, who are held to nothing any more, miss of it
        is split anew.
        """
        contracts = {None, *(sale.contract_id for sale in self._contracts.with_peer(self._dso))}
        unusable = []
        for reference, order, prognosis in history.standing_orders(now):
            if order.header.recipient_domain != self.me.domain:
                continue
            if prognosis is None or order.contract_id not in contracts:
                unusable.append(f"order {reference} of {self._dso}: its prognosis or contract is not recorded")
            else:
                self.taken(OrderTaken(order, prognosis), now)
        return Recovery(forgotten=unusable)
