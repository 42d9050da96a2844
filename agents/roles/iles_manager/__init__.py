"""The ILES manager: the market's registers (S01), the CRO, the weather service's voice, the sum at the PCC, and the island.

It is the aggregators' own aggregator: it sees their prognoses, never their members' plans; it trades nothing itself.
"""

from agents.roles.iles_manager.balancing_pool import PoolConfig
from agents.roles.iles_manager.islanding import IslandLeading, IslandLeadingState, IslandUnits
from agents.roles.iles_manager.limit_keeping import LimitedHome
from agents.roles.iles_manager.role import AssetRegistration, IlesConfig, IlesRole
from agents.roles.iles_manager.service_selling import ServiceSale

__all__ = [
    "AssetRegistration",
    "IlesConfig",
    "IlesRole",
    "IslandLeading",
    "IslandLeadingState",
    "IslandUnits",
    "LimitedHome",
    "PoolConfig",
    "ServiceSale",
]
