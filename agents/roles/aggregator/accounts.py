"""What is owed for a day by the aggregator's own data: to each member, element by element, and by the DSO."""

from __future__ import annotations

from datetime import date

from agents.roles.aggregator.config import AggregatorConfig
from agents.roles.aggregator.member_orders import MemberOrders
from agents.roles.aggregator.promises import Promises
from agents.roles.parts.contracts import Contracts
from agents.roles.parts.meter_data import MeterData
from agents.roles.parts.settlement_as_buyer import SellerAccount
from agents.roles.parts.settlement_as_seller import Ready
from market.contracts.contract import FlexContract
from market.rules import MarketRules
from market.settlement.day import lost_isps, metered_w, reservation, settle
from market.settlement.elements import ElementMove, settle_element
from market.uftp import ContractSettlement, FlexOrderSettlement


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
    ) -> None:
        self._rules, self._config, self._members = rules, config, config.by_name()
        self._contracts, self._orders, self._promises, self._meters = contracts, orders, promises, meters

    def contracted(self) -> tuple[str, ...]:
        """The members with which a contract is known."""
        return tuple(name for name in self._members if self._contracts.with_peer(name))

    def of_member(self, member: str, period: date) -> SellerAccount | None:
        """What a member is owed; None where no contract with it is in force."""
        contract = self._contracts.contract_on(member, period)
        if contract is None:
            return None
        rows, ordered_w = self._element_rows(member, contract, period)
        isps = reservation(contract, {}, {}, self._rules.day(period).count, ordered_w)
        return SellerAccount(rows, (ContractSettlement(contract.contract_id, period, isps),))

    def _element_rows(
        self, member: str, contract: FlexContract, period: date
    ) -> tuple[tuple[FlexOrderSettlement, ...], dict[int, int]]:
        """A member's settlement, element by element, and what was ordered of it in each ISP, watts."""
        rows: list[FlexOrderSettlement] = []
        total_w: dict[int, int] = {}
        mine = self._orders.parts_of(member, period)
        for element in sorted({part.element for part in mine}):
            parts = (part for part in mine if part.element == element)
            moves = [ElementMove(self._orders.order(part.order_reference), part.isps) for part in parts]
            settled = settle_element(element, moves, contract, self._meters.of(element, period))
            if settled is None:
                continue
            order, settlement = settled
            for row in order.isps:
                total_w[row.start] = total_w.get(row.start, 0) + row.power_w
            rows += settlement
        return tuple(rows), total_w

    def ready(self, period: date) -> Ready:
        """The members' meters come by other ways than the DSO's sums; what is settled waits for no more of them."""
        metered = self._meters.is_closed(period) or self._meters.complete(period)
        return Ready.YES if metered else Ready.LATER

    def of_dso(self, period: date) -> tuple[FlexOrderSettlement, ...]:
        """What the DSO owes: its orders against the frozen baselines and the members' meters."""
        count = self._rules.day(period).count
        sales = self._contracts.with_peer(self._config.dso)
        rows: list[FlexOrderSettlement] = []
        for point in self._config.congestion_points:
            connections = [self._members[name].usage_point for name in self._config.at(point)]
            meterings = self._meters.of_all(connections, period)
            orders, baseline_w = self._promises.orders_on(point, period), self._promises.baseline_w(point, period)
            rows += settle(orders, baseline_w, metered_w(meterings, count), sales, lost_isps(meterings))
        return tuple(rows)
