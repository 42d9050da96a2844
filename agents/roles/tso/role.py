"""The TSO, put together from its parts."""

from __future__ import annotations

from agents.roles.identity import AgentIdentity
from agents.roles.parts.contracts import Contracts
from agents.roles.parts.direct_settling import DirectSettling
from agents.roles.parts.exchange_metering import ExchangeMetering
from agents.roles.parts.filing import LedgerFiling
from agents.roles.parts.key_changes import KeyChanges
from agents.roles.parts.negotiation import ContractNegotiation
from agents.roles.parts.operated_days import OperatedDays
from agents.roles.role import Role
from agents.roles.tso.config import TsoConfig
from agents.roles.tso.contracting import TsoContracting, buying
from agents.roles.tso.market import BalancingMarket
from market.rules import MarketRules


class TsoRole(Role):
    """One per site that sells balancing energy."""

    def __init__(self, name: str, rules: MarketRules, key: bytes, config: TsoConfig) -> None:
        me, ledger = AgentIdentity(name, rules, key), config.ledger
        contracts = Contracts(me, remembers=lambda contract: contract.buyer == me.domain)
        negotiation = ContractNegotiation(me, ledger, contracts, wants=lambda _: buying(config))
        metering, settling = ExchangeMetering(me, config.meter), DirectSettling(me, ledger, contracts)
        super().__init__(
            me,
            KeyChanges(me, ledger, lambda: not negotiation.is_talking),
            contracts,
            negotiation,
            TsoContracting(me, config, contracts, negotiation),
            metering,
            settling,
            BalancingMarket(me, config, contracts=contracts, metering=metering, settling=settling),
            OperatedDays(me),
            LedgerFiling(me, ledger),
        )
