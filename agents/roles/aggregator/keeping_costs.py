"""What an offer has to hold beside its members' prices: the expected cost of keeping it, learned from what it did cost.

Expected is the mean over the errors that a prognosis is assumed to have, by its lead. Each closed day then tells what was paid
to members, to make them whole and as fines, beyond what the parts of its orders were asked for: by that, over what had been
expected of the same days, the next offers' cost of keeping is scaled. The assumption weighs as much as some days.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import date, datetime

import numpy as np

from agents.planning.dispatch.keeping import keeping_e4
from agents.planning.forecast.error_quantiles import ASSUMED_DAYS, KEPT_DAYS, assumed_errors, lead_class
from agents.roles.aggregator.accounts import Accounts
from agents.roles.aggregator.config import AggregatorConfig
from agents.roles.aggregator.making_whole import ClaimsAnswered
from agents.roles.aggregator.prognosis_sums import PrognosisSums
from agents.roles.aggregator.promises import OrderDropped, Promises
from agents.roles.effects import Effect
from agents.roles.identity import AgentIdentity
from agents.roles.part import Part, Recovery, on
from agents.roles.parts.contracts import Contracts
from agents.roles.parts.recovery import LedgerHistory
from cim.codec.codec import wire
from cim.model.arrays import Floats
from market.contracts.contract import BaselineKind
from market.uftp import FlexOrder, IspPower

_CHEAPEST, _DEAREST = 0.1, 4.0  # times what was expected: neither a good day nor a bad one may decide all offers


@wire("aggregator.OrderCosts")
@dataclass(frozen=True, slots=True)
class OrderCosts:
    """Told inside the role: an order of the DSO is taken; what its members' parts ask, and to keep it beside that, e4."""

    order: FlexOrder
    asked_e4: int
    keeping_e4: int


@wire("aggregator.KeepingCosts")
@dataclass(slots=True)
class KeepingCostsState:
    """What was expected and what it came to, ten-thousandths.

    Attributes:
        orders: by reference, of days that are not answered for.
        days: of the last days on which something was ordered, (expected, what it cost) to keep it, oldest first.
        closed: the days that are in them and could be told once more.
    """

    orders: dict[str, OrderCosts] = field(default_factory=dict)
    days: tuple[tuple[int, int], ...] = ()
    closed: tuple[date, ...] = ()


class KeepingCosts(Part[KeepingCostsState]):
    """Prices the keeping of promises by its own experience."""

    def __init__(
        self,
        me: AgentIdentity,
        config: AggregatorConfig,
        *,
        contracts: Contracts,
        sums: PrognosisSums,
        promises: Promises,
        accounts: Accounts,
    ) -> None:
        super().__init__(me, KeepingCostsState())
        self._config, self._contracts = config, contracts
        self._sums, self._promises, self._accounts = sums, promises, accounts

    @property
    def factor(self) -> float:
        """What keeping came to over what errors as assumed would cost; the site's share of it weighs as much as some days."""
        expected, real = (sum(day[k] for day in self.state.days) for k in (0, 1))
        if expected <= 0:
            return self._config.keeping_share
        assumed = ASSUMED_DAYS * expected / len(self.state.days)
        found = (self._config.keeping_share * assumed + real) / (assumed + expected)
        return min(max(found, _CHEAPEST), _DEAREST)

    def expected_e4(
        self,
        congestion_point: str,
        period: date,
        isps: tuple[IspPower, ...],
        *,
        asked_e4: int,
        penalty_e4_per_kwh: int,
        now: datetime,
    ) -> int:
        """What it costs more to keep these ISPs, too, beside what is promised there already.

        Args:
            isps: offered, each of one ISP.
            asked_e4: what the members ask for them, by which the price of a correction goes.
            penalty_e4_per_kwh: of the contract with the DSO that they are offered under.
        """
        day = self.rules.day(period)
        offered = np.zeros(day.count)
        for row in isps:
            offered[row.start - 1] += row.power_w / 1000
        energy_kwh = float(np.abs(offered).sum()) * self.rules.hours
        errors_kw = self._errors_kw(congestion_point, period, now)
        if not energy_kwh or errors_kw is None:
            return 0
        prices = {
            "price_e4_per_kwh": asked_e4 / energy_kwh,
            "penalty_e4_per_kwh": float(penalty_e4_per_kwh),
            "hours": self.rules.hours,
        }
        held = self._promises.ordered_kw(congestion_point, day)
        with_it, before = (keeping_e4(kw, errors_kw, **prices) for kw in (held + offered, held))
        more = float(np.where(offered != 0, with_it - before, 0.0).sum())
        return max(round(more * self.factor), 0)

    def _errors_kw(self, congestion_point: str, period: date, now: datetime) -> Floats | None:
        """[S, T] the errors that are assumed of the newest prognosis: by its lead, and what sun and wind have in it."""
        prognosis = self._sums.newest(congestion_point, period)
        if prognosis is None or not any(self._config.assumed_error_pct):
            return None
        day, largest_w = self.rules.day(period), max(abs(watts) for watts in prognosis.power_w)
        errs_kw = min(self._weather_driven_w(congestion_point, period), largest_w) / 1000
        leads = [lead_class(day.isp_start(isp) - now) for isp in range(1, day.count + 1)]
        return assumed_errors(np.array([self._config.assumed_error_pct[lead] / 100 * errs_kw for lead in leads]))

    def _weather_driven_w(self, congestion_point: str, period: date) -> int:
        """What the plants under contract there can give at most, whose baseline is what sun or wind let them give."""
        known = (self._contracts.contract_on(name, period) for name in self._config.at(congestion_point))
        elements = [element for contract in known if contract is not None for element in contract.flex_elements]
        return sum(e.max_increase_w for e in elements if e.baseline is BaselineKind.AVAILABLE_POWER)

    @on(OrderCosts)
    def taken(self, event: OrderCosts, now: datetime) -> list[Effect]:
        """Note what the order is to cost, by the assumption alone: that is what days are held against."""
        expected = round(event.keeping_e4 / self.factor)
        self.state.orders[event.order.order_reference] = replace(event, keeping_e4=expected)
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
        orders = {ref: one for ref, one in state.orders.items() if one.order.period == period}
        if not orders or period in state.closed:
            return []
        spent = event.paid_e4 + sum(self._accounts.earned_e4(name, period) for name in self._config.by_name())
        for row in self._accounts.of_dso(period):
            spent += row.penalty
            costs = orders.get(row.order_reference)
            if costs is not None and costs.order.price:
                spent -= round(row.price * costs.asked_e4 / costs.order.price)
        expected = sum(one.keeping_e4 for one in orders.values())
        state.days, state.closed = (*state.days, (expected, spent))[-KEPT_DAYS:], (*state.closed, period)
        return []

    def prune(self, before: date) -> None:
        """Days that are closed for good."""
        state = self.state
        state.orders = {ref: one for ref, one in state.orders.items() if one.order.period >= before}
        state.closed = tuple(period for period in state.closed if period >= before)

    def recover(self, history: LedgerHistory, now: datetime) -> Recovery:
        """What members asked for their parts is recorded nowhere."""
        return Recovery(forgotten=("what keeping its promises did cost: it is assumed, and learned anew",))
