"""All families of publications by the names of their tables."""

from __future__ import annotations

import re
from collections.abc import Mapping

from cim.model.errors import ProgrammingFault
from cim.platform.publications.agreements import (
    AssetsRegistered,
    ConnectionSwitched,
    ContractAgreed,
    ContractEnded,
    NegotiationMoved,
    TemplatePublished,
    UnitsMoved,
    UnitsRanked,
)
from cim.platform.publications.balancing import BalancingCleared
from cim.platform.publications.base import Publication
from cim.platform.publications.community import CommunityBilled, MemberBilled
from cim.platform.publications.grid import (
    ConsumptionHeldBack,
    ConsumptionLimited,
    ExchangeBand,
    ExchangeForecast,
    FeedInAccounted,
    FeedInLimited,
    MicrogridEnvelope,
    MicrogridLimited,
    PortfolioBand,
    PrognosisReplaced,
    SafetyAnalysed,
    SafetyCaseFound,
    SellerJudged,
    SupplyInterrupted,
    SupplyRestored,
    WorksDeclared,
)
from cim.platform.publications.incidents import (
    ElementOverridden,
    ElementSuspended,
    HandlingFailed,
    MemoryLost,
    MessageLapsed,
    MetersDisagree,
    PointNotMetered,
    RuleBroken,
    SiteNotMetered,
    WorkFailed,
)
from cim.platform.publications.island import IslandLed
from cim.platform.publications.ledger import BlockClosed, HeadRefused, HistorySplit, RecordRefused
from cim.platform.publications.measured import CommandRefused, DeviceBack, DeviceLost, ReadingRefused
from cim.platform.publications.sessions import PointCoordinated, SessionConcluded
from cim.platform.publications.settlement import (
    BaselineChecked,
    CopiesDiffer,
    DisputeDecided,
    PaymentsMade,
    SettlementAnswered,
    SettlementTold,
)
from cim.platform.publications.site import SiteDescribed
from cim.platform.publications.trading import (
    FlexOffered,
    FlexRequested,
    OrderPlaced,
    OrderRefused,
    PrognosisTaken,
    ReservationUpdated,
)

FAMILIES: Mapping[str, type[Publication]] = {
    re.sub(r"(?<!^)(?=[A-Z])", "_", family.__name__).lower(): family
    for family in (
        AssetsRegistered, BalancingCleared, BaselineChecked, BlockClosed, CommandRefused, CommunityBilled, ConsumptionHeldBack,
        ConsumptionLimited,
        ConnectionSwitched, ContractAgreed, ContractEnded, CopiesDiffer, DeviceBack,
        DeviceLost, DisputeDecided, ElementOverridden, ElementSuspended, ExchangeBand, ExchangeForecast, FeedInAccounted,
        FeedInLimited, FlexOffered, FlexRequested,
        HandlingFailed, HeadRefused, HistorySplit, IslandLed, MemberBilled, MemoryLost, MessageLapsed, MetersDisagree,
        MicrogridEnvelope, MicrogridLimited,
        NegotiationMoved, OrderPlaced, OrderRefused, PaymentsMade, PointCoordinated,
        PointNotMetered, PortfolioBand, PrognosisReplaced, PrognosisTaken,
        ReadingRefused, RecordRefused, ReservationUpdated, RuleBroken, SafetyAnalysed, SafetyCaseFound, SellerJudged,
        SessionConcluded,
        SettlementAnswered, SettlementTold, SiteDescribed, SiteNotMetered, SupplyInterrupted, SupplyRestored, TemplatePublished,
        UnitsMoved, UnitsRanked, WorkFailed, WorksDeclared,
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
