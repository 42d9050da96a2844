"""The aggregator (USEF AGR): portfolio, virtual power plant, trading with the DSO, keeping its promise, settling.

A member's private model, cost or comfort is never here; only its net profiles, baselines and orders.
"""

from agents.roles.aggregator.config import AggregatorConfig, Member
from agents.roles.aggregator.role import AggregatorRole

__all__ = ["AggregatorConfig", "AggregatorRole", "Member"]
