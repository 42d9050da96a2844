"""Who sends which message to whom, and which one answers it (Shapeshifter 3.1.0, "Message catalog")."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Final

from cim.codec.codec import wire
from cim.model.errors import ProgrammingFault
from market.uftp.flexibility import (
    FlexOffer,
    FlexOfferResponse,
    FlexOfferRevocation,
    FlexOfferRevocationResponse,
    FlexOrder,
    FlexOrderResponse,
    FlexRequest,
    FlexRequestResponse,
    FlexReservationUpdate,
    FlexReservationUpdateResponse,
)
from market.uftp.header import Header, Result, UftpMessage
from market.uftp.portfolio import (
    AgrPortfolioQuery,
    AgrPortfolioQueryResponse,
    AgrPortfolioUpdate,
    AgrPortfolioUpdateResponse,
    DsoPortfolioQuery,
    DsoPortfolioQueryResponse,
    DsoPortfolioUpdate,
    DsoPortfolioUpdateResponse,
    TestMessage,
    TestMessageResponse,
)
from market.uftp.prognosis import DPrognosis, DPrognosisResponse
from market.uftp.settlement import FlexSettlement, FlexSettlementResponse, Metering, MeteringResponse


@wire("uftp.UsefRole")
class UsefRole(StrEnum):
    """The roles that exchange messages."""

    AGR = "AGR"
    DSO = "DSO"
    CRO = "CRO"


_AGR, _DSO, _CRO = UsefRole.AGR, UsefRole.DSO, UsefRole.CRO
ANY: Final = frozenset(UsefRole)


@dataclass(frozen=True, slots=True)
class Exchange:
    """A message that asks for an answer.

    Attributes:
        senders, recipients: the roles that send and take it.
        response: the type of its answer, which goes the other way.
        answered: the field of the answer that repeats its MessageID; None where the conversation alone says it.
    """

    senders: frozenset[UsefRole]
    recipients: frozenset[UsefRole]
    response: type
    answered: str | None


def _row(sender: UsefRole, recipient: UsefRole, response: type, answered: str) -> Exchange:
    return Exchange(frozenset({sender}), frozenset({recipient}), response, answered)


EXCHANGES: Final[dict[type, Exchange]] = {
    AgrPortfolioUpdate: _row(_AGR, _CRO, AgrPortfolioUpdateResponse, "agr_portfolio_update_message_id"),
    AgrPortfolioQuery: _row(_AGR, _CRO, AgrPortfolioQueryResponse, "agr_portfolio_query_message_id"),
    DsoPortfolioUpdate: _row(_DSO, _CRO, DsoPortfolioUpdateResponse, "dso_portfolio_update_message_id"),
    DsoPortfolioQuery: _row(_DSO, _CRO, DsoPortfolioQueryResponse, "dso_portfolio_query_message_id"),
    DPrognosis: _row(_AGR, _DSO, DPrognosisResponse, "d_prognosis_message_id"),
    FlexRequest: _row(_DSO, _AGR, FlexRequestResponse, "flex_request_message_id"),
    FlexOffer: _row(_AGR, _DSO, FlexOfferResponse, "flex_offer_message_id"),
    FlexOfferRevocation: _row(_AGR, _DSO, FlexOfferRevocationResponse, "flex_offer_revocation_message_id"),
    FlexOrder: _row(_DSO, _AGR, FlexOrderResponse, "flex_order_message_id"),
    FlexReservationUpdate: _row(_DSO, _AGR, FlexReservationUpdateResponse, "flex_reservation_update_message_id"),
    Metering: _row(_AGR, _DSO, MeteringResponse, "metering_message_id"),
    FlexSettlement: _row(_DSO, _AGR, FlexSettlementResponse, "flex_settlement_message_id"),
    TestMessage: Exchange(ANY, ANY, TestMessageResponse, None),
}
ANSWERED: Final[dict[type, type]] = {exchange.response: kind for kind, exchange in EXCHANGES.items()}


def is_response(kind: type) -> bool:
    """Whether messages of a kind answer another one; nobody answers those."""
    return kind in ANSWERED


def route_of(kind: type) -> tuple[frozenset[UsefRole], frozenset[UsefRole]]:
    """(roles that send it, roles that take it) of a kind of message.

    Raises:
        ProgrammingFault: the standard has no such message.
    """
    exchange = EXCHANGES.get(kind)
    if exchange is not None:
        return exchange.senders, exchange.recipients
    if kind not in ANSWERED:
        raise ProgrammingFault(f"{kind.__name__}: UFTP has no such message")
    asked = EXCHANGES[ANSWERED[kind]]
    return asked.recipients, asked.senders


def answered_id(response: UftpMessage) -> str | None:
    """The MessageID of what a response answers; None for a TestMessageResponse.

    Raises:
        ProgrammingFault: it is no response.
    """
    if type(response) not in ANSWERED:
        raise ProgrammingFault(f"{type(response).__name__}: expected a response")
    field = EXCHANGES[ANSWERED[type(response)]].answered
    return None if field is None else str(getattr(response, field))


@dataclass(frozen=True, slots=True)
class Asked:
    """What an answer repeats of the message it answers; a query's day, place and time zone too."""

    kind: type
    message_id: str
    period: date | None = None
    congestion_point: str = ""
    timezone: str = ""


def asked_by(message: UftpMessage) -> Asked:
    """What an answer to a message repeats."""
    told = {name: getattr(message, name, None) for name in ("period", "congestion_point", "timezone")}
    period, point, zone = told["period"], told["congestion_point"], told["timezone"]
    return Asked(type(message), message.header.message_id, period, point or "", zone or "")


def plain_response(asked: Asked, header: Header, result: Result, reason: str | None) -> UftpMessage | None:
    """The answer to a message that says nothing beyond its result; None where the message is an answer itself."""
    exchange, number = EXCHANGES.get(asked.kind), asked.message_id
    if exchange is None:
        return None
    if asked.kind is TestMessage:
        return TestMessageResponse(header, result, reason)
    if asked.kind is FlexSettlement:
        return FlexSettlementResponse(header, number, result, (), reason)
    if asked.kind in (AgrPortfolioQuery, DsoPortfolioQuery):
        if asked.period is None:
            return None
        if asked.kind is AgrPortfolioQuery:
            return AgrPortfolioQueryResponse(header, number, asked.period, (), (), asked.timezone, result, reason)
        point, zone = asked.congestion_point, asked.timezone
        return DsoPortfolioQueryResponse(header, number, asked.period, point, (), zone, result, reason)
    made: UftpMessage = exchange.response(header, number, result, reason)
    return made
