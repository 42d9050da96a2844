"""What the portal says, field by field: the JSON of its answers. Nothing here asks, decides or counts over time.

Power is integer watts, positive towards the prosumer; money is integer ten-thousandths of the currency unit; instants are
UTC; ISPs are numbered from 1 within the local day (USEF).
"""

from portal.models.dso import (
    AskedIsp,
    DsoState,
    GridPoint,
    IspPower,
    Offer,
    OfferedOption,
    Order,
    OrderStatus,
    Prognosis,
    Request,
    SettledOrder,
    Settlement,
)
from portal.models.health import AgentHealth, FailedEvent, Health, HealthSummary, JournalHealth, Mode, Readiness, Status

__all__ = [
    "AgentHealth",
    "AskedIsp",
    "DsoState",
    "FailedEvent",
    "GridPoint",
    "Health",
    "HealthSummary",
    "IspPower",
    "JournalHealth",
    "Mode",
    "Offer",
    "OfferedOption",
    "Order",
    "OrderStatus",
    "Prognosis",
    "Readiness",
    "Request",
    "SettledOrder",
    "Settlement",
    "Status",
]
