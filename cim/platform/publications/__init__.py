"""What agents tell the data platform: one family of publications for each kind of news, in CIM and USEF terms.

No market message, no role's state and no decision lives here: whoever reads publications needs to know no agent.
"""

import re
from collections.abc import Mapping

from cim.model.errors import ProgrammingFault
from cim.platform.publications.agreements import (
    AssetsRegistered,
    ContractAgreed,
    ContractElement,
    NegotiationMoved,
    RegisteredAsset,
)
from cim.platform.publications.base import IspPower, Publication
from cim.platform.publications.grid import ExchangeForecast, SafetyAnalysed
from cim.platform.publications.incidents import HandlingFailed, MemoryLost, MessageLapsed, RuleBroken
from cim.platform.publications.ledger import BlockClosed, HeadRefused, RecordRefused
from cim.platform.publications.measured import CommandRefused, DeviceBack, DeviceLost, ReadingsTaken
from cim.platform.publications.sessions import Residuals, SessionConcluded
from cim.platform.publications.settlement import (
    OrderAnswer,
    PaymentRow,
    PaymentsMade,
    SettledIsp,
    SettledOrder,
    SettlementAnswered,
    SettlementTold,
)
from cim.platform.publications.site import Party, SiteDescribed, WatchedPoint
from cim.platform.publications.trading import (
    AskedIsp,
    FlexOffered,
    FlexRequested,
    OfferedOption,
    OrderPlaced,
    OrderRefused,
    PrognosisTaken,
)

FAMILIES: Mapping[str, type[Publication]] = {
    re.sub(r"(?<!^)(?=[A-Z])", "_", family.__name__).lower(): family
    for family in (
        AssetsRegistered, BlockClosed, CommandRefused, ContractAgreed, DeviceBack, DeviceLost, ExchangeForecast, FlexOffered,
        FlexRequested, HandlingFailed, HeadRefused, MemoryLost, MessageLapsed, NegotiationMoved, OrderPlaced, OrderRefused,
        PaymentsMade, PrognosisTaken, RecordRefused, RuleBroken, SafetyAnalysed, SessionConcluded, SettlementAnswered,
        SettlementTold, SiteDescribed,
    )
}  # fmt: skip
_NAMES = {family: name for name, family in FAMILIES.items()}


def family_name(family: type[Publication]) -> str:
    """The name of a family's table; readings have a table of another kind.

    Raises:
        ProgrammingFault: it is no family of the platform.
    """
    name = _NAMES.get(family)
    if name is None:
        raise ProgrammingFault(f"{family.__name__} has no table; expected one of {', '.join(FAMILIES)}")
    return name


__all__ = [
    "FAMILIES",
    "AskedIsp",
    "AssetsRegistered",
    "BlockClosed",
    "CommandRefused",
    "ContractAgreed",
    "ContractElement",
    "DeviceBack",
    "DeviceLost",
    "ExchangeForecast",
    "FlexOffered",
    "FlexRequested",
    "HandlingFailed",
    "HeadRefused",
    "IspPower",
    "MemoryLost",
    "MessageLapsed",
    "NegotiationMoved",
    "OfferedOption",
    "OrderAnswer",
    "OrderPlaced",
    "OrderRefused",
    "Party",
    "PaymentRow",
    "PaymentsMade",
    "PrognosisTaken",
    "Publication",
    "ReadingsTaken",
    "RecordRefused",
    "RegisteredAsset",
    "Residuals",
    "RuleBroken",
    "SafetyAnalysed",
    "SessionConcluded",
    "SettledIsp",
    "SettledOrder",
    "SettlementAnswered",
    "SettlementTold",
    "SiteDescribed",
    "WatchedPoint",
    "family_name",
]
