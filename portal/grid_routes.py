"""`/dso/forecast`, `/dso/worst`, `/dso/why`, `/dso/what-if`: the grid over a chosen span, in numbers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date
from functools import partial
from typing import Annotated, Final, Protocol, TypeVar

from fastapi import FastAPI, HTTPException, Query, Request

from portal.errors import Problem
from portal.grid_answers import forecast, what_if, why_red, worst_state
from portal.models.grid import GridForecast, WhatIf, WhyRed, WorstState
from portal.screens.grid import no_grid
from portal.screens.seen import Seen
from portal.sources import GridSource

T = TypeVar("T")
_NO_GRID: Final[dict[int | str, dict[str, object]]] = {
    404: {"model": Problem, "description": "The network of this site is not known."}
}
_MOST_W = 100_000_000  # nobody connects more to a distribution feeder
_Name = Annotated[str, Query(max_length=200)]
_First = Annotated[date | None, Query(description="The first local day; today unless said.")]
_Last = Annotated[
    date | None, Query(description="The last local day, included; the first unless said. At most 14 in all.")
]
_Day = Annotated[date | None, Query(description="The local day; today unless said.")]
_Names = Annotated[list[_Name], Query(default_factory=list, max_length=50)]


class Look(Protocol):
    """Has a question answered in a thread, from the site as it is now."""

    async def __call__(self, request: Request, query: Mapping[str, str], answer: Callable[[Seen], T]) -> T:
        """The answer to a question about the day that stands in the query."""
        ...


def add_grid_routes(app: FastAPI, look: Look) -> None:
    """Add them; they are the DSO's and the operator's by their path (`portal.auth.caller`)."""

    @app.get("/dso/forecast", responses=_NO_GRID)
    async def dso_forecast(
        request: Request, *, first: _First = None, last: _Last = None, node: _Names, branch: _Names
    ) -> GridForecast:
        """The grid over a span of days: what was measured, then what is expected, and voltages and loadings in quantiles."""
        return await look(request, _day(first), _with_grid(partial(forecast, last=last, nodes=node, branches=branch)))

    @app.get("/dso/worst", responses=_NO_GRID)
    async def dso_worst(request: Request, first: _First = None, last: _Last = None) -> WorstState:
        """The highest loading, and the highest and lowest voltage, of a span of days."""
        return await look(request, _day(first), _with_grid(partial(worst_state, last=last)))

    @app.get("/dso/why", responses=_NO_GRID)
    async def dso_why(
        request: Request,
        point: Annotated[str, Query(max_length=200, description="A congestion point that the DSO watches.")],
        day: _Day = None,
        isp: Annotated[int | None, Query(ge=1, le=1500, description="The day's worst unless said.")] = None,
    ) -> WhyRed:
        """Why a congestion point is red: who loads its branch, and by how much a kilowatt there changes it."""
        return await look(request, _day(day), _with_grid(partial(why_red, point=point, isp=isp)))

    @app.get("/dso/what-if", responses=_NO_GRID)
    async def dso_what_if(
        request: Request,
        node: Annotated[str, Query(max_length=200, description="A node of the network, or a connection's name.")],
        power_w: Annotated[int, Query(ge=-_MOST_W, le=_MOST_W, description="More consumption; below 0: feed-in.")],
        day: _Day = None,
    ) -> WhatIf:
        """What so much more power at a node all day would do."""
        return await look(request, _day(day), _with_grid(partial(what_if, node=node, power_w=power_w)))


def _day(day: date | None) -> dict[str, str]:
    return {} if day is None else {"day": day.isoformat()}


def _with_grid(answer: Callable[[Seen, GridSource], T]) -> Callable[[Seen], T]:
    def answered(seen: Seen) -> T:
        grid = seen.sources.grid
        if grid is None:
            raise HTTPException(404, no_grid(seen))
        return answer(seen, grid)

    return answered
