"""What the DSO owes each seller for a day, by its own orders, baselines and meters."""

from __future__ import annotations

from collections import Counter
from datetime import date, datetime
from fractions import Fraction

from agents.roles.dso.config import DsoConfig
from agents.roles.dso.consumption_limits import ConsumptionLimits
from agents.roles.dso.curtailment import Curtailment
from agents.roles.dso.microgrid_service import ServiceBuying
from agents.roles.dso.ordering import Ordering
from agents.roles.dso.prognoses import Prognoses
from agents.roles.dso.requests import Requests
from agents.roles.parts.contracts import Contracts
from agents.roles.parts.keys import SellerPointDay
from agents.roles.parts.meter_data import MeterData
from agents.roles.parts.reservations import Reservations
from agents.roles.parts.settlement import SellerAccount
from market.contracts.reservations import reserved_on
from market.contracts.service_level import availability_row, service_isps
from market.register.providers import aggregator_on
from market.rules import MarketRules
from market.settlement.baseline_checks import BaselineCheck, baseline_check, with_procured
from market.settlement.day import metered_share, reservation, undelivered_w
from market.settlement.held_back import HeldBack
from market.settlement.portfolio import held_back, limited_w, settle_portfolio
from market.uftp import ContractSettlement, FlexOrderSettlement, Metering


class DsoAccounts:
    """Answers from what the DSO's parts hold; it remembers nothing itself."""

    def __init__(
        self,
        rules: MarketRules,
        config: DsoConfig,
        *,
        contracts: Contracts,
        ordering: Ordering,
        requests: Requests,
        reservations: Reservations,
        meters: MeterData,
        prognoses: Prognoses,
        curtailment: Curtailment,
        emergencies: ConsumptionLimits,
        service: ServiceBuying | None = None,
    ) -> None:
        self._service = service
        self._rules, self._config, self._prognoses = rules, config, prognoses
        self._reservations, self._curtailment, self._emergencies = reservations, curtailment, emergencies
        self._contracts, self._ordering, self._requests, self._meters = contracts, ordering, requests, meters

    def of(self, seller: str, period: date) -> SellerAccount | None:
        """What is owed for a day; None to the community where no service of its stands by."""
        return self._of_service(period) if seller == self._config.market else self._of_seller(seller, period)

    def _of_service(self, period: date) -> SellerAccount | None:
        """The microgrid as a service: what was told in time and, where it was ordered, came."""
        known = None if self._service is None else self._service.contract_on(period)
        if self._service is None or known is None:
            return None
        contract, level = known
        up, ordered_w, missing_w = contract.amount_up_w > 0, Counter[int](), Counter[int]()
        for seller in self._config.aggregators:
            for row in (isp for order in self._of_seller(seller, period).orders for isp in order.isps):
                if row.ordered_flex_power_w and (row.ordered_flex_power_w > 0) is up:
                    ordered_w[row.start] += abs(row.ordered_flex_power_w)
                    missing_w[row.start] += abs(row.ordered_flex_power_w) - abs(row.delivered_flex_power_w)
        day = self._rules.day(period)
        reserved = reserved_on(contract, {}, day)
        hours = [bool(reserved.get(isp)) for isp in range(1, day.count + 1)]
        isps = service_isps(contract, hours, self._service.told_w(period), ordered_w, missing_w)
        part = ContractSettlement(contract.contract_id, period, isps)
        deducted = availability_row(contract, level, part)
        return SellerAccount(() if deducted is None else (deducted,), (part,))

    def _of_seller(self, seller: str, period: date) -> SellerAccount:
        """A seller's orders settled point by point, and what its contract reserved."""
        count = self._rules.day(period).count
        rows, checks = list[FlexOrderSettlement](), list[BaselineCheck]()
        taken_w, held_rows, given = [0] * count, dict[int, list[HeldBack]](), dict[str, datetime]()
        requested_w, offered_w, ordered_w = Counter[int](), Counter[int](), Counter[int]()
        contracts = self._contracts.terms_on(seller, period)
        for point in self._config.points:
            place = SellerPointDay(seller, point.identity, period)
            eans = [c.usage_point for c in self._config.of_seller(seller, point.identity, period)]
            days = self._meters.connection_days(eans, period)
            orders, baseline_w = self._ordering.at(place), self._ordering.baseline_w(place)
            limited = {ean: frozenset(self._curtailment.limited_isps(ean, period)) for ean in eans}
            held = {ean: self._emergencies.limited_isps(ean, period) for ean in eans}
            rows += settle_portfolio(orders, baseline_w, days, contracts, count, limited, held)
            taken_w = [a + b for a, b in zip(taken_w, limited_w(days, count, limited), strict=True)]
            for isp, told in held_back(days, count, held).items():
                held_rows.setdefault(isp, []).extend(told)
            given |= {order.order_reference: order.header.time_stamp for order in orders}
            final = self._prognoses.final(place)
            if final is not None and eans:
                unknown = frozenset[int]().union(*limited.values(), *held.values())
                checks.append(baseline_check(point.identity, with_procured(final, orders), days, unknown))
            requested_w.update(self._requests.requested_w(place))
            offered_w.update(self._requests.offered_w(place))
            ordered_w.update(self._ordering.ordered_w(place))
        contract = self._contracts.contract_on(seller, period)
        if contract is None or not contract.reserved:
            return SellerAccount(tuple(rows), (), tuple(checks))
        seen = self._metered_share(seller, period, count)
        reserved_w = self._reservations.reserved_w(contract, period)
        missing_w = undelivered_w(rows, contract, taken_w, held_rows, given)
        isps = reservation(contract, requested_w, offered_w, count, ordered_w, seen, reserved_w, missing_w)
        return SellerAccount(tuple(rows), (ContractSettlement(contract.contract_id, period, isps),), tuple(checks))

    def evidence(self, seller: str, period: date) -> tuple[Metering, ...]:
        """The meter data that a day's sums with a seller stand on."""
        mine = (c.usage_point for c in self._config.connections if aggregator_on(c, period) == seller)
        return self._meters.copies(mine, period)

    def _metered_share(self, seller: str, period: date, count: int) -> dict[int, Fraction]:
        """ISP -> the share of a seller's connections, by their size, that were metered, where it was not all."""
        mine = [c for c in self._config.connections if aggregator_on(c, period) == seller]
        days = self._meters.connection_days((c.usage_point for c in mine), period)
        lost = [(c.contracted_w, day.lost_isps(count)) for c, day in zip(mine, days, strict=True)]
        return metered_share(lost)
