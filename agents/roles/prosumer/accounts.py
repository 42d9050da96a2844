"""What the prosumer is owed for a day by its own orders, baselines and meters."""

from __future__ import annotations

from datetime import date

from agents.roles.parts.contracts import Contracts
from agents.roles.parts.settlement_as_seller import Ready
from agents.roles.prosumer.config import ProsumerConfig
from agents.roles.prosumer.held_orders import HeldOrders
from agents.roles.prosumer.metering_messages import MeteringMessages
from market.settlement.day import lost_isps, settle
from market.settlement.elements import commitment
from market.uftp import FlexOrderSettlement


class Accounts:
    """Sums over held orders and meters; it keeps nothing itself."""

    def __init__(
        self, config: ProsumerConfig, *, contracts: Contracts, held: HeldOrders, metering: MeteringMessages
    ) -> None:
        self._config, self._contracts, self._held, self._metering = config, contracts, held, metering

    def ready(self, period: date) -> Ready:
        """The own meters are told before anybody can settle: what is not metered then never will be."""
        known = self._metering.is_metered(period) and self._contracts.with_peer(self._config.aggregator)
        return Ready.YES if known else Ready.NEVER

    def of(self, period: date) -> tuple[FlexOrderSettlement, ...]:
        """The aggregator's orders of a day, element by element."""
        contract = self._contracts.contract_on(self._config.aggregator, period)
        rows: list[FlexOrderSettlement] = []
        for name in sorted(element.element for element in self._config.elements):
            moves, metering = self._held.moves(name, period), self._metering.of(name, period)
            profile = None if metering is None else metering.profile("Power")
            owed = None if contract is None or not moves else commitment(name, moves, contract)
            if owed is not None and contract is not None and metering is not None and profile is not None:
                order, baseline_w = owed
                rows += settle((order,), baseline_w, profile.values, (contract,), lost_isps([metering]))
        return tuple(rows)
