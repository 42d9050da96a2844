"""The DSO: watches the grid by prognoses and meters, asks for flexibility, orders it, settles and pays.

It sees no device and no prosumer's plans, only what USEF gives it.
"""

from agents.roles.dso.config import DsoConfig, GridConnection
from agents.roles.dso.role import DsoRole

__all__ = ["DsoConfig", "DsoRole", "GridConnection"]
