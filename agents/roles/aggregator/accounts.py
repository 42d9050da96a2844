"""What is owed for a day by the aggregator's own data: to each member, element by element, and by the DSO."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date
from fractions import Fraction
from functools import cache

from agents.roles.aggregator.config import AggregatorConfig
from agents.roles.aggregator.member_orders import MemberOrders
from agents.roles.aggregator.prognosis_sums import PrognosisSums
from agents.roles.aggregator.promises import Promises
from agents.roles.parts.contracts import Contracts
from agents.roles.parts.meter_data import MeterData
from agents.roles.parts.settlement import SellerAccount
from agents.roles.parts.settlement_as_seller import Ready
from market.billing.bill import Bill, energy_bill
from market.contracts.contract import FlexContract
from market.rules import MarketRules
from market.settlement.baseline_checks import BaselineCheck, baseline_check
from market.settlement.day import POWER, lost_isps, metered_share, reservation, undelivered_w
from market.settlement.elements import ElementMove, settle_element
from market.settlement.payments import capacity_amount
from market.settlement.portfolio import ConnectionDay, fines_e4, held_back, passed_on, settle_portfolio
from market.uftp import ContractSettlement, FlexOrder, FlexOrderSettlement, Metering

SharesAt = Callable[[str, date], Mapping[int, Fraction]]  # of a congestion point on a day, see `Accounts._shares`


class Accounts:
    """Sums over orders, baselines and meters; it keeps nothing itself."""

    def __init__(
        self,
        rules: MarketRules,
        config: AggregatorConfig,
        *,
        contracts: Contracts,
        orders: MemberOrders,
        promises: Promises,
        meters: MeterData,
        sums: PrognosisSums,
    ) -> None:
        self._rules, self._config, self._members = rules, config, config.by_name()
        self._contracts, self._orders, self._promises, self._meters = contracts, orders, promises, meters
        self._sums = sums

    def contracted(self, period: date) -> tuple[str, ...]:
        """The members of a day with which a contract is known."""
        return tuple(m.name for m in self._config.members_on(period) if self._contracts.with_peer(m.name))

    def of_member(self, member: str, period: date, shares_at: SharesAt | None = None) -> SellerAccount | None:
        """What a member is owed; None where it is none on that day, or no contract with it is in force.

        Args:
            shares_at: for who asks about many members of one point: `_shares`, worked out once.
        """
        contract = self._contracts.contract_on(member, period)
        if contract is None or not self._members[member].is_on(period):
            return None
        shares = (shares_at or self._shares)(self._members[member].congestion_point, period)
        settled = self._elements(member, contract, period, shares)
        ordered_w: dict[int, int] = {}
        for order, _ in settled:
            for row in order.isps:
                ordered_w[row.start] = ordered_w.get(row.start, 0) + row.power_w
        count = self._rules.day(period).count
        rows = tuple(row for _, rows in settled for row in rows)
        seen = self._metered_share(member, contract, period)
        connection = self._meters.connection_days((self._members[member].usage_point,), period)
        # A home takes no order to draw more while it is limited: what lacks was ordered before.
        missing_w = undelivered_w(rows, contract, held=held_back(connection, count))
        isps = reservation(contract, {}, {}, count, ordered_w, seen, undelivered=missing_w)
        checks = self._baseline_checks(member, period)
        return SellerAccount(rows, (ContractSettlement(contract.contract_id, period, isps),), checks)

    def _baseline_checks(self, member: str, period: date) -> tuple[BaselineCheck, ...]:
        """What a member's connection was finally expected to draw, against its meter."""
        usage_point, expected_w = self._members[member].usage_point, self._sums.final_w(member, period)
        if expected_w is None:
            return ()
        days = self._meters.connection_days((usage_point,), period)
        return (baseline_check(usage_point, expected_w, days),)

    def earned_e4(self, member: str, period: date) -> int:
        """What a member is paid for a day, less its penalties."""
        account, contract = self.of_member(member, period), self._contracts.contract_on(member, period)
        if account is None or contract is None:
            return 0
        reserved = sum(capacity_amount(contract, part.isps) for part in account.contracts)
        return reserved + sum(row.net_settlement for row in account.orders)

    def metered(self, member: str, period: date) -> bool:
        """Whether all meters told of a day that say what a member is paid: its connection's, and its ordered elements'."""
        owner, elements = self._rules.domains[member], {part.element for part in self._orders.parts_of(member, period)}
        told = [self._meters.of_element(element, owner, period) for element in elements]
        return None not in (self._meters.of(self._members[member].usage_point, period), *told)

    def energy_bill(self, member: str, period: date) -> Bill | None:
        """What a member's energy of a day costs it by its meter; None where nobody knows."""
        one = self._members[member]
        metering, day = self._meters.of(one.usage_point, period), self._rules.day(period)
        profile = None if metering is None else metering.profile(POWER)
        if one.tariff is None or metering is None or profile is None or lost_isps([metering]):
            return None
        return energy_bill([round(watts) for watts in profile.values], self._rules.isp_minutes, one.tariff.rates(day))

    def moved_e4(self, period: date) -> int:
        """All payments of a day: its own for orders and capacity, and its members' energy; amounts, whoever pays."""
        rows, moved = list(self.of_dso(period)), 0
        shares_at = cache(self._shares)  # once a point, not once a member there
        for name in (member.name for member in self._config.members_on(period)):
            account = self.of_member(name, period, shares_at)
            contract = self._contracts.contract_on(name, period)
            bill = self.energy_bill(name, period)
            moved += 0 if bill is None else sum(abs(line.amount_e4) for line in bill.lines)
            if account is not None and contract is not None:
                rows += account.orders
                moved += sum(capacity_amount(contract, part.isps) for part in account.contracts)
        return moved + sum(row.price + row.penalty for row in rows)

    def _elements(
        self, member: str, contract: FlexContract, period: date, shares: Mapping[int, Fraction] | None
    ) -> list[tuple[FlexOrder, tuple[FlexOrderSettlement, ...]]]:
        """What each of a member's elements was held to on a day, and its settlement."""
        mine, owner = self._orders.parts_of(member, period), self._rules.domains[member]
        connection = self._meters.of(self._members[member].usage_point, period)
        found = []
        for element in sorted({part.element for part in mine}):
            parts = (part for part in mine if part.element == element)
            moves = [ElementMove(self._orders.order(part.order_reference), part.isps) for part in parts]
            metering = self._meters.of_element(element, owner, period)
            settled = settle_element(element, moves, contract, metering, connection, shares)
            if settled is not None:
                found.append(settled)
        return found

    def _shares(self, point: str, period: date) -> dict[int, Fraction]:
        """ISP -> which share of its members' penalties is taken: pro rata what the DSO fines at their congestion point."""
        due: dict[int, Fraction] = {}
        for name in self._config.at(point, period):
            contract = self._contracts.contract_on(name, period)
            if contract is not None:
                rows = [row for _, rows in self._elements(name, contract, period, None) for row in rows]
                for isp, amount in fines_e4(rows, (contract,)).items():
                    due[isp] = due.get(isp, Fraction(0)) + amount
        if not due:
            return {}
        return passed_on(self._at_point(point, period), self._contracts.terms_on(self._config.dso, period), due)

    def _metered_share(self, member: str, contract: FlexContract, period: date) -> dict[int, Fraction]:
        """ISP -> the share of a member's elements, by what they can move, that was metered, where it was not all."""
        count, owner = self._rules.day(period).count, self._rules.domains[member]
        (day,) = self._meters.connection_days((self._members[member].usage_point,), period)
        lost: list[tuple[int, frozenset[int]]] = []
        for element in contract.flex_elements:
            behind = ConnectionDay(self._meters.of_element(element.name, owner, period)).lost_isps(count)
            size_w = element.max_increase_w - element.max_decrease_w
            lost.append((size_w, behind | day.lost_isps(count)))
        return metered_share(lost)

    def evidence(self, other: str, period: date) -> tuple[Metering, ...]:
        """The meter data that a day's sums with a member, or with the DSO, stand on."""
        members = (self._members[other],) if other in self._members else self._config.members_on(period)
        return self._meters.copies((member.usage_point for member in members), period)

    def ready(self, period: date) -> Ready:
        """The members' meters come by other ways than the DSO's sums; what is settled waits for no more of them."""
        metered = self._meters.is_closed(period) or self._meters.complete(period)
        return Ready.YES if metered else Ready.LATER

    def of_dso(self, period: date) -> tuple[FlexOrderSettlement, ...]:
        """What the DSO owes: its orders against the frozen baselines and the members' meters."""
        return tuple(row for point in self._config.congestion_points for row in self._at_point(point, period))

    def _at_point(self, point: str, period: date) -> tuple[FlexOrderSettlement, ...]:
        count = self._rules.day(period).count
        sales = self._contracts.terms_on(self._config.dso, period)
        connections = [self._members[name].usage_point for name in self._config.at(point, period)]
        days = self._meters.connection_days(connections, period)
        orders, baseline_w = self._promises.orders_on(point, period), self._promises.baseline_w(point, period)
        return settle_portfolio(orders, baseline_w, days, sales, count)
