"""The transmission system operator (TSO): it buys balancing energy from the site, meters what came of it, and pays.

It sees the site as one provider at one meter: no member, no portfolio, no congestion point.
"""

from agents.roles.tso.config import TsoConfig
from agents.roles.tso.role import TsoRole

__all__ = ["TsoConfig", "TsoRole"]
