"""Who serves which connection: portfolio updates and queries to the common reference operator (CRO), and tests."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from cim.codec.codec import wire
from market.uftp.header import Header, Result


@wire("uftp.Connection")
@dataclass(frozen=True, slots=True)
class Connection:
    """A grid connection (USEF Connection, CIM UsagePoint) and, in answers, who serves it and where it hangs.

    Answers leave out from when to when.
    """

    entity_address: str
    start_period: date | None = None
    end_period: date | None = None
    congestion_point: str | None = None
    agr_domain: str | None = None
    dso_domain: str | None = None


@wire("uftp.RedispatchBy")
class RedispatchBy(StrEnum):
    """Who makes up in the rest of the grid for what is changed behind a congestion point."""

    AGR = "AGR"
    DSO = "DSO"


@wire("uftp.CongestionPoint")
@dataclass(frozen=True, slots=True)
class CongestionPoint:
    """A congestion point as a DSO publishes it.

    Attributes:
        start_period, end_period: its first and last day; a CRO's answer leaves them out.
        mutex_offers_supported: whether an offer may have several options.
        intraday_redispatch_by: None where nothing is traded on the day itself.
    """

    entity_address: str
    connections: tuple[Connection, ...]
    start_period: date | None = None
    end_period: date | None = None
    mutex_offers_supported: bool = True
    day_ahead_redispatch_by: RedispatchBy = RedispatchBy.AGR
    intraday_redispatch_by: RedispatchBy | None = RedispatchBy.AGR


@wire("uftp.DSO-Portfolio")
@dataclass(frozen=True, slots=True)
class DsoPortfolio:
    """In a CRO's answer: where an aggregator has connections in one DSO's grid."""

    dso_domain: str
    congestion_points: tuple[CongestionPoint, ...]


@wire("uftp.AGRPortfolioUpdate")
@dataclass(frozen=True, slots=True)
class AgrPortfolioUpdate:
    """An aggregator tells the CRO which connections it serves."""

    header: Header
    connections: tuple[Connection, ...]
    timezone: str


@wire("uftp.AGRPortfolioUpdateResponse")
@dataclass(frozen=True, slots=True)
class AgrPortfolioUpdateResponse:
    """Whether the CRO took the update."""

    header: Header
    agr_portfolio_update_message_id: str
    result: Result
    rejection_reason: str | None = None


@wire("uftp.AGRPortfolioQuery")
@dataclass(frozen=True, slots=True)
class AgrPortfolioQuery:
    """An aggregator asks the CRO at which congestion points its connections hang."""

    header: Header
    period: date
    timezone: str


@wire("uftp.AGRPortfolioQueryResponse")
@dataclass(frozen=True, slots=True)
class AgrPortfolioQueryResponse:
    """The CRO's answer: the aggregator's connections by DSO and congestion point, and those that hang at none."""

    header: Header
    agr_portfolio_query_message_id: str
    period: date
    dso_portfolios: tuple[DsoPortfolio, ...]
    connections: tuple[Connection, ...]
    timezone: str
    result: Result = Result.ACCEPTED
    rejection_reason: str | None = None


@wire("uftp.DSOPortfolioUpdate")
@dataclass(frozen=True, slots=True)
class DsoPortfolioUpdate:
    """The DSO tells the CRO which connections hang at its congestion points."""

    header: Header
    congestion_points: tuple[CongestionPoint, ...]
    timezone: str


@wire("uftp.DSOPortfolioUpdateResponse")
@dataclass(frozen=True, slots=True)
class DsoPortfolioUpdateResponse:
    """Whether the CRO took the update."""

    header: Header
    dso_portfolio_update_message_id: str
    result: Result
    rejection_reason: str | None = None


@wire("uftp.DSOPortfolioQuery")
@dataclass(frozen=True, slots=True)
class DsoPortfolioQuery:
    """The DSO asks the CRO which aggregators are active at a congestion point."""

    header: Header
    period: date
    congestion_point: str
    timezone: str


@wire("uftp.DSOPortfolioQueryResponse")
@dataclass(frozen=True, slots=True)
class DsoPortfolioQueryResponse:
    """The CRO's answer: the connections of the congestion point with the aggregator that serves each."""

    header: Header
    dso_portfolio_query_message_id: str
    period: date
    congestion_point: str
    connections: tuple[Connection, ...]
    timezone: str
    result: Result = Result.ACCEPTED
    rejection_reason: str | None = None


@wire("uftp.TestMessage")
@dataclass(frozen=True, slots=True)
class TestMessage:
    """Checks that the other side is there."""

    __test__ = False  # pytest: not a test class, the standard calls it so

    header: Header


@wire("uftp.TestMessageResponse")
@dataclass(frozen=True, slots=True)
class TestMessageResponse:
    """The answer to a TestMessage."""

    __test__ = False  # pytest: not a test class, the standard calls it so

    header: Header
    result: Result = Result.ACCEPTED
    rejection_reason: str | None = None
