"""Portfolios on the wire: connections below congestion points, these below a DSO, these below a view."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from market import uftp as ours
from pilot.uftp.conversions import DAY, PLAIN, UUID, Pair, Rows, many, plain, words
from pilot.uftp.library import built
from pilot.uftp.library import uftp as theirs

_REDISPATCH = words(ours.RedispatchBy, theirs.RedispatchBy)
_DAYS: Final[Rows] = {"start_period": ("start_period", DAY), "end_period": ("end_period", DAY)}
_ZONE: Final[Rows] = {"timezone": ("time_zone", PLAIN)}
_ON: Final[Rows] = {"period": ("period", DAY), **_ZONE}
_POINT: Final[Rows] = {
    **plain("entity_address", "mutex_offers_supported"),
    "day_ahead_redispatch_by": ("day_ahead_redispatch_by", _REDISPATCH),
    "intraday_redispatch_by": ("intraday_redispatch_by", _REDISPATCH),
}


class _Point(Pair):
    """A congestion point; who leaves out IntradayRedispatchBy says that nothing is traded on the day itself."""

    def read(self, model: object) -> object:
        """With what is left out as None."""
        missing = {} if getattr(model, "intraday_redispatch_by", None) else {"intraday_redispatch_by": None}
        return self.reading(model, missing)


def agr_update() -> Pair:
    """AGRPortfolioUpdate."""
    connection = Pair(ours.Connection, theirs.AgrPortfolioUpdateConnection, {**plain("entity_address"), **_DAYS})
    rows: Rows = {"connections": ("connections", many(connection)), **_ZONE}
    return Pair(ours.AgrPortfolioUpdate, theirs.AgrPortfolioUpdate, rows, headed=True)


def agr_query() -> Pair:
    """AGRPortfolioQuery."""
    return Pair(ours.AgrPortfolioQuery, theirs.AgrPortfolioQuery, _ON, headed=True)


def dso_update() -> Pair:
    """DSOPortfolioUpdate."""
    connection = Pair(ours.Connection, theirs.DsoPortfolioUpdateConnection, {**plain("entity_address"), **_DAYS})
    point = _Point(
        ours.CongestionPoint,
        theirs.DsoPortfolioUpdateCongestionPoint,
        {**_POINT, **_DAYS, "connections": ("connections", many(connection))},
    )
    rows: Rows = {"congestion_points": ("congestion_points", many(point)), **_ZONE}
    return Pair(ours.DsoPortfolioUpdate, theirs.DsoPortfolioUpdate, rows, headed=True)


def dso_query() -> Pair:
    """DSOPortfolioQuery."""
    rows: Rows = {**_ON, "congestion_point": ("entity_address", PLAIN)}
    return Pair(ours.DsoPortfolioQuery, theirs.DsoPortfolioQuery, rows, headed=True)


class AgrQueryResponse(Pair):
    """AGRPortfolioQueryResponse: ours says for each connection where it hangs; the wire has it below that place.

    Several views of one answer are read as one.
    """

    def __init__(self, answer: Rows) -> None:
        number = "agr_portfolio_query_message_id"
        rows: Rows = {**_ON, **answer, number: (number, UUID)}
        super().__init__(ours.AgrPortfolioQueryResponse, theirs.AgrPortfolioQueryResponse, rows, headed=True)

    def write(self, value: object) -> object:
        """One view, or none where there is nothing in it."""
        model = super().write(value)
        if not isinstance(value, ours.AgrPortfolioQueryResponse):
            return model
        portfolios = [
            built(
                theirs.AgrPortfolioQueryResponseDSOPortfolio,
                {
                    "dso_domain": one.dso_domain,
                    "congestion_points": [_ANSWERED.write(p) for p in one.congestion_points],
                },
            )
            for one in value.dso_portfolios
        ]
        loose = [_BARE.write(connection) for connection in value.connections]
        view = built(theirs.AgrPortfolioQueryResponseDSOView, {"dso_portfolios": portfolios, "connections": loose})
        vars(model)["dso_views"] = [view] if portfolios or loose else []
        return model

    def read(self, model: object) -> object:
        """Each connection with its DSO and congestion point."""
        portfolios: list[ours.DsoPortfolio] = []
        loose: list[ours.Connection] = []
        for view in getattr(model, "dso_views", ()):
            loose += [ours.Connection(connection.entity_address) for connection in view.connections]
            for one in view.dso_portfolios:
                points = tuple(_placed(point, one.dso_domain) for point in one.congestion_points)
                portfolios.append(ours.DsoPortfolio(one.dso_domain, points))
        return self.reading(model, {"dso_portfolios": tuple(portfolios), "connections": tuple(loose)})


_BARE = Pair(ours.Connection, theirs.AgrPortfolioQueryResponseConnection, plain("entity_address"))
_ANSWERED = _Point(
    ours.CongestionPoint,
    theirs.AgrPortfolioQueryResponseCongestionPoint,
    {**_POINT, "connections": ("connections", many(_BARE))},
)


def _placed(model: object, dso_domain: str) -> ours.CongestionPoint:
    point = _ANSWERED.read(model)
    assert isinstance(point, ours.CongestionPoint)  # noqa: S101 - what the pair is of
    here = point.entity_address
    connections = (replace(one, congestion_point=here, dso_domain=dso_domain) for one in point.connections)
    return replace(point, connections=tuple(connections))


class DsoQueryResponse(Pair):
    """DSOPortfolioQueryResponse: the wire has the congestion point only where it has connections."""

    def __init__(self, answer: Rows) -> None:
        number = "dso_portfolio_query_message_id"
        rows: Rows = {**_ON, **answer, number: (number, UUID)}
        super().__init__(ours.DsoPortfolioQueryResponse, theirs.DsoPortfolioQueryResponse, rows, headed=True)

    def write(self, value: object) -> object:
        """The connections below their point."""
        model = super().write(value)
        if isinstance(value, ours.DsoPortfolioQueryResponse):
            served = [_SERVED.write(connection) for connection in value.connections]
            found: dict[str, object] = {"entity_address": value.congestion_point, "connections": served}
            there = built(theirs.DsoPortfolioQueryCongestionPoint, found) if value.connections else None
            vars(model)["congestion_point"] = there
        return model

    def read(self, model: object) -> object:
        """Each connection with its congestion point; an empty answer names none."""
        point = getattr(model, "congestion_point", None)
        here = "" if point is None else str(point.entity_address)
        served = [] if point is None else point.connections
        found = tuple(ours.Connection(c.entity_address, congestion_point=here, agr_domain=c.agr_domain) for c in served)
        return self.reading(model, {"congestion_point": here, "connections": found})


_SERVED = Pair(
    ours.Connection,
    theirs.DsoPortfolioQueryConnection,
    {**plain("entity_address"), "agr_domain": ("agr_domain", PLAIN)},
)
