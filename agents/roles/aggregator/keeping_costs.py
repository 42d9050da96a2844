"""What an offer has to hold beside its members' prices: what keeping promises costs, learned from what it did cost.

A seller answers for its whole forecast in each ISP that it sold a part of: with more sun than foretold it orders more of its
members than it is paid for, and where less comes it saves nothing. Each closed day tells what members were paid, made whole
with and fined for at a congestion point beyond what the parts of its orders had been asked for there. That, over what they
were asked for, is added to the next offers there. The site's assumption weighs as much as some such days.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime

from agents.roles.aggregator.accounts import Accounts
from agents.roles.aggregator.config import AggregatorConfig
from agents.roles.aggregator.making_whole import ClaimsAnswered
from agents.roles.aggregator.promises import OrderDropped
from agents.roles.effects import Effect
from agents.roles.identity import AgentIdentity
from agents.roles.part import Part, Recovery, on
from agents.roles.parts.recovery import LedgerHistory
from cim.codec.codec import wire
from market.uftp import FlexOrder

ASSUMED_DAYS, KEPT_DAYS = 10, 20  # as with the errors of prognoses
_DEAREST = 1.0  # of what members ask, at most: one bad day must not end all offers


@wire("aggregator.OrderAsked")
@dataclass(frozen=True, slots=True)
class OrderAsked:
    """Told inside the role: an order of the DSO is taken; what its members' parts ask for all of it, ten-thousandths."""

    order: FlexOrder
    asked_e4: int


@wire("aggregator.KeepingCosts")
@dataclass(slots=True)
class KeepingCostsState:
    """What was asked and what it came to.

    Attributes:
        orders: by reference, of days whose claims are not answered or could be told once more.
        days: by congestion point, of the last days with orders (what members' parts asked for what was delivered, what was
            spent beyond it), ten-thousandths, oldest first.
        closed: the days in them that could be told once more.
    """

    orders: dict[str, OrderAsked] = field(default_factory=dict)
    days: dict[str, tuple[tuple[int, int], ...]] = field(default_factory=dict)
    closed: tuple[date, ...] = ()


class KeepingCosts(Part[KeepingCostsState]):
    """Prices the keeping of promises by its own experience."""

    def __init__(self, me: AgentIdentity, config: AggregatorConfig, accounts: Accounts) -> None:
        super().__init__(me, KeepingCostsState())
        self._config, self._accounts, self._members = config, accounts, config.by_name()

    def share(self, congestion_point: str) -> float:
        """What keeping costs there over what members ask, 0 or more."""
        known = self.state.days.get(congestion_point, ())
        asked, spent = (sum(day[k] for day in known) for k in (0, 1))
        if asked <= 0:
            return self._config.keeping_share
        assumed = ASSUMED_DAYS * asked / len(known)
        return min(max((self._config.keeping_share * assumed + spent) / (assumed + asked), 0.0), _DEAREST)

    def with_keeping_e4(self, congestion_point: str, asked_e4: int) -> int:
        """What members ask and keeping it, ten-thousandths."""
        return asked_e4 + round(asked_e4 * self.share(congestion_point))

    @on(OrderAsked)
    def taken(self, event: OrderAsked, now: datetime) -> list[Effect]:
        """Note what its members' parts ask."""
        self.state.orders[event.order.order_reference] = event
        return []

    @on(OrderDropped)
    def dropped(self, event: OrderDropped, now: datetime) -> list[Effect]:
        """It is refused after all."""
        self.state.orders.pop(event.order.order_reference, None)
        return []

    @on(ClaimsAnswered)
    def closed(self, event: ClaimsAnswered, now: datetime) -> list[Effect]:
        """A day is settled and its claims are answered: learn what keeping its orders cost. A revision changes it no more."""
        state, period = self.state, event.period
        if period in state.closed or not any(one.order.period == period for one in state.orders.values()):
            return []
        asked, spent = dict[str, int](), dict[str, int]()
        for name, member in self._members.items():
            paid = self._accounts.earned_e4(name, period) + event.paid_e4.get(name, 0)
            spent[member.congestion_point] = spent.get(member.congestion_point, 0) + paid
        for row in self._accounts.of_dso(period):
            point, one = row.congestion_point, state.orders.get(row.order_reference)
            spent[point] = spent.get(point, 0) + row.penalty
            if one is not None and one.order.price:
                asked[point] = asked.get(point, 0) + round(one.asked_e4 * row.price / one.order.price)
        for point, due in asked.items():
            day = (due, spent[point] - due)
            state.days[point] = (*state.days.get(point, ()), day)[-KEPT_DAYS:]
        state.closed = (*state.closed, period)
        return []

    def prune(self, before: date) -> None:
        """Days that are closed for good."""
        state = self.state
        state.orders = {ref: one for ref, one in state.orders.items() if one.order.period >= before}
        state.closed = tuple(period for period in state.closed if period >= before)

    def recover(self, history: LedgerHistory, now: datetime) -> Recovery:
        """What members asked for their parts is recorded nowhere."""
        return Recovery(forgotten=("what keeping its promises did cost: it is assumed, and learned anew",))
