"""What the prosumer is owed for a day by its own orders, baselines and meters."""

from __future__ import annotations

from datetime import date

from agents.roles.parts.contracts import Contracts
from agents.roles.parts.settlement_as_seller import Ready
from agents.roles.prosumer.config import ProsumerConfig
from agents.roles.prosumer.held_orders import HeldOrders
from agents.roles.prosumer.metering_messages import MeteringMessages
from market.register.providers import aggregator_on
from market.settlement.elements import settle_element
from market.uftp import FlexOrderSettlement, Metering


class Accounts:
    """Sums over held orders and meters; it keeps nothing itself."""

    def __init__(
        self, config: ProsumerConfig, *, contracts: Contracts, held: HeldOrders, metering: MeteringMessages
    ) -> None:
        self._config, self._contracts, self._held, self._metering = config, contracts, held, metering

    def ready(self, period: date) -> Ready:
        """The own meters are told before anybody can settle: what is not metered then never will be."""
        known = self._metering.is_metered(period) and self._contracts.with_peer(aggregator_on(self._config, period))
        return Ready.YES if known else Ready.NEVER

    def evidence(self, _: str, period: date) -> tuple[Metering, ...]:
        """The meter data that a day's own sums stand on."""
        names = (self._config.usage_point, *(element.element for element in self._config.elements))
        return tuple(metering for name in names if (metering := self._metering.of(name, period)) is not None)

    def of(self, period: date) -> tuple[FlexOrderSettlement, ...]:
        """The aggregator's orders of a day, element by element; of penalties it may take less, and never more."""
        contract = self._contracts.contract_on(aggregator_on(self._config, period), period)
        if contract is None:
            return ()
        rows: list[FlexOrderSettlement] = []
        connection = self._metering.of(self._config.usage_point, period)
        for name in sorted(element.element for element in self._config.elements):
            moves, metering = self._held.moves(name, period), self._metering.of(name, period)
            settled = settle_element(name, moves, contract, metering, connection)
            rows += () if settled is None else settled[1]
        return tuple(rows)
