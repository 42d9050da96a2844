"""Negotiation strategies, a file each, all behind `market.negotiation.strategy.Strategy`, and their names.

What a party wants and what a message may say never stand here.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from cim.model.errors import BadInput
from market.negotiation.strategies.alternating_offers import AlternatingOffers
from market.negotiation.strategies.contract_net import ContractNet
from market.negotiation.strategies.monotonic_concession import MonotonicConcession
from market.negotiation.strategies.take_it_or_leave_it import TakeItOrLeaveIt
from market.negotiation.strategies.tender import Tender
from market.negotiation.strategy import Strategy

STRATEGIES: Mapping[str, Strategy] = MappingProxyType(
    {
        "alternating-offers": AlternatingOffers(),
        "monotonic-concession": MonotonicConcession(),
        "contract-net": ContractNet(),
        "take-it-or-leave-it": TakeItOrLeaveIt(),
        "tender": Tender(),
    }
)


def strategy_of(name: str) -> Strategy:
    """A strategy by its name.

    Raises:
        BadInput: there is none of that name.
    """
    found = STRATEGIES.get(name)
    if found is None:
        raise BadInput(f"strategy: {name!r} is unknown; expected one of {', '.join(STRATEGIES)}")
    return found
