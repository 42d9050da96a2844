"""The prosumer: its forecast and plan, its part in a virtual power plant, its contract and its own settlement sums.

What its elements are wired to lives with the device agents; no other prosumer's data is ever here.
"""

from agents.roles.prosumer.config import ProsumerConfig
from agents.roles.prosumer.role import ProsumerRole

__all__ = ["ProsumerConfig", "ProsumerRole"]
