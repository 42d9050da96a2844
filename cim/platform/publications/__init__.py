"""What agents tell the data platform: one family of publications for each kind of news, in CIM and USEF terms.

No market message, no role's state and no decision lives here: whoever reads publications needs to know no agent.
"""

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
from cim.platform.publications.trading import (
    AskedIsp,
    FlexOffered,
    FlexRequested,
    OfferedOption,
    OrderPlaced,
    OrderRefused,
    PrognosisTaken,
)

__all__ = [
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
]
