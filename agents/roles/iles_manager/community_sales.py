"""What the community sells as one, put together: balancing energy to a TSO, itself as a service to the DSO, either or neither."""

from __future__ import annotations

from typing import Any

from agents.roles.identity import AgentIdentity
from agents.roles.iles_manager.balancing_pool import BalancingPool, PoolConfig
from agents.roles.iles_manager.instance import InstanceAggregation
from agents.roles.iles_manager.limit_keeping import LimitKeeping
from agents.roles.iles_manager.service_selling import ServiceSale, ServiceSelling
from agents.roles.part import Part
from agents.roles.parts.contracts import Contracts
from agents.roles.parts.direct_settling import DirectSettling
from agents.roles.parts.exchange_metering import ExchangeMetering
from agents.roles.parts.filing import LedgerFiling
from agents.roles.parts.negotiation import ContractNegotiation
from agents.roles.parts.operated_days import OperatedDays
from market.contracts.contract import FlexContract
from market.contracts.service_level import SERVICE
from market.negotiation.concession import NegotiationPreferences, Side, Terms

# It sells balancing energy for all and keeps nothing, so it takes the framework that it is offered: prices are cleared.
_FRAMEWORK = NegotiationPreferences(Side.SELLER, Terms(0, 0), Terms(0, 0), 1, strategy="take-it-or-leave-it")


class CommunitySales:
    """The parts of it; nothing where nothing is sold.

    Attributes:
        parts: in the order in which they hear.
    """

    def __init__(
        self,
        me: AgentIdentity,
        *,
        ledger: str,
        dso: str,
        pool: PoolConfig | None,
        service: ServiceSale | None,
        instance: InstanceAggregation,
        limits: LimitKeeping,
    ) -> None:
        self._service = service
        contracts = Contracts(me, remembers=lambda contract: contract.seller == me.domain)
        self._negotiation = ContractNegotiation(me, ledger, contracts, wants=self._wants)
        filing = LedgerFiling(me, ledger)
        self.parts: tuple[Part[Any], ...] = ()
        if pool is None and service is None:
            return
        self.parts = (contracts, self._negotiation, filing)
        if service is not None:
            self.parts += (ServiceSelling(me, dso, service, contracts=contracts, instance=instance, filing=filing),)
        if pool is not None:
            metering, settling = ExchangeMetering(me, pool.meter), DirectSettling(me, ledger)
            balancing = BalancingPool(
                me, pool, limits=limits, contracts=contracts, metering=metering, settling=settling, filing=filing
            )
            self.parts += (metering, settling, balancing, OperatedDays(me))

    def _wants(self, contract: FlexContract) -> NegotiationPreferences:
        if self._service is not None and contract.template == SERVICE:
            return self._service.selling
        return _FRAMEWORK

    @property
    def is_quiet(self) -> bool:
        """Whether no negotiation is open."""
        return not self._negotiation.is_talking
