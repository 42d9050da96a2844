"""USEF's flexibility trading messages (Shapeshifter UFTP 3.1.0) as frozen values under the standard's own names.

No transport, XML or sealing lives here, and no decision: those stand at the edge and in the roles.

Power is integer watts, average over the ISP, positive towards the prosumer. Prices and amounts are integer
ten-thousandths of the currency unit (the standard's four decimals). ISPs count from 1 in the local calendar day.
"""

from market.uftp.flexibility import (
    Disposition,
    FlexOffer,
    FlexOfferResponse,
    FlexOfferRevocation,
    FlexOrder,
    FlexOrderResponse,
    FlexRequest,
    FlexRequestResponse,
    FlexReservationUpdate,
    OfferOption,
    RequestIsp,
)
from market.uftp.header import Header, IspPower, Result, UftpMessage, fault_of_isps, header_faults
from market.uftp.portfolio import (
    AgrPortfolioQuery,
    AgrPortfolioQueryResponse,
    AgrPortfolioUpdate,
    AgrPortfolioUpdateResponse,
    Connection,
    DsoPortfolioQuery,
    DsoPortfolioQueryResponse,
    DsoPortfolioUpdate,
    DsoPortfolioUpdateResponse,
    TestMessage,
    TestMessageResponse,
)
from market.uftp.prognosis import DPrognosis, DPrognosisResponse, FlexOrderStatus
from market.uftp.settlement import (
    AcceptedDisputed,
    ContractSettlement,
    ContractSettlementIsp,
    FlexOrderSettlement,
    FlexOrderSettlementStatus,
    FlexSettlement,
    FlexSettlementResponse,
    Metering,
    MeteringProfile,
    MeteringResponse,
    SettlementIsp,
)

__all__ = [
    "AcceptedDisputed",
    "AgrPortfolioQuery",
    "AgrPortfolioQueryResponse",
    "AgrPortfolioUpdate",
    "AgrPortfolioUpdateResponse",
    "Connection",
    "ContractSettlement",
    "ContractSettlementIsp",
    "DPrognosis",
    "DPrognosisResponse",
    "Disposition",
    "DsoPortfolioQuery",
    "DsoPortfolioQueryResponse",
    "DsoPortfolioUpdate",
    "DsoPortfolioUpdateResponse",
    "FlexOffer",
    "FlexOfferResponse",
    "FlexOfferRevocation",
    "FlexOrder",
    "FlexOrderResponse",
    "FlexOrderSettlement",
    "FlexOrderSettlementStatus",
    "FlexOrderStatus",
    "FlexRequest",
    "FlexRequestResponse",
    "FlexReservationUpdate",
    "FlexSettlement",
    "FlexSettlementResponse",
    "Header",
    "IspPower",
    "Metering",
    "MeteringProfile",
    "MeteringResponse",
    "OfferOption",
    "RequestIsp",
    "Result",
    "SettlementIsp",
    "TestMessage",
    "TestMessageResponse",
    "UftpMessage",
    "fault_of_isps",
    "header_faults",
]
