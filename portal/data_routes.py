"""`/data/...`: queries as endpoints, search, access, consents and the audit log, over HTTP."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict
from typing import Annotated, Any, TypeVar

from fastapi import FastAPI, Query, Request, Response
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, ValidationError
from starlette.concurrency import run_in_threadpool

from cim.model.errors import BadInput
from cim.model.worded import what_was_expected
from cim.platform.access.consents import Purpose
from cim.platform.access.residue import Json
from cim.platform.provisioning.definition import Definition, Value, read_definition
from cim.platform.provisioning.formats import Format, written
from cim.platform.provisioning.provision import MOST_ROWS, Answer, Page
from cim.platform.search.document import FACETS, Search
from portal.data import OPERATOR, SeeData
from portal.openapi import body

T = TypeVar("T")

_OF_PAGE = {"rows", "start", "format", "purpose"}  # what a query's own parameters cannot be called

Rows = Annotated[int, Query(ge=1, le=MOST_ROWS, description="Rows of a page.")]
Start = Annotated[int, Query(ge=0, le=10**9, description="First row of the page; `next_start` of the page before.")]
Written = Annotated[Format, Query(description="How the answer is written.")]
For = Annotated[Purpose | None, Query(description="What the data is for; consents are for a purpose.")]


class Try(BaseModel):
    """A query to be tried, and its parameters' values."""

    model_config = ConfigDict(extra="forbid")
    definition: Definition
    parameters: dict[str, str | int | float | tuple[str, ...]] = {}


_AGREEMENT: dict[str, Any] = {
    "requestBody": {"required": True, "content": {"application/json": {"schema": {"type": "object"}}}}
}


def add_data_routes(app: FastAPI, see: SeeData) -> None:
    """Add them; whose token was shown (`portal.guard`) decides what is seen."""
    _add_queries(app, see)
    _add_the_rest(app, see)


def _add_queries(app: FastAPI, see: SeeData) -> None:
    @app.get("/data/queries")
    def queries(request: Request) -> list[Definition]:
        """The queries that are for the caller's role."""
        return see().offered(_who(request))

    @app.put("/data/queries/{name}", openapi_extra=body(Definition))
    async def define(request: Request, name: str) -> dict[str, int]:
        """Offer a query (operator only); it is an endpoint, `/data/q/NAME`, at once. Every version stays."""
        definition = read_definition(await request.body())
        if definition.name != name:
            raise BadInput(f"query definition: its name is {definition.name!r}; expected {name!r}, as the path has it")
        if taken := sorted({one.name for one in definition.parameters} & _OF_PAGE):
            raise BadInput(f"query definition: parameter {taken[0]!r} is the page's; expected another name")
        return {"version": await run_in_threadpool(lambda: see().define(_who(request), definition))}

    @app.delete("/data/queries/{name}", status_code=204)
    def take_back(request: Request, name: str) -> None:
        """Offer a query no longer (operator only); its versions stay."""
        see().take_back(_who(request), name)

    @app.get("/data/queries/{name}/history")
    def history(request: Request, name: str) -> JSONResponse:
        """All versions of a query (operator only)."""
        return JSONResponse(see().history(_who(request), name))

    @app.get("/data/q/{name}", include_in_schema=False)
    def run(
        request: Request,
        name: str,
        rows: Rows = 1000,
        start: Start = 0,
        format: Written = Format.JSON,
        purpose: For = None,
    ) -> Response:
        """Answer a query; each has an OpenAPI entry of its own."""
        given: dict[str, Value] = {}
        for key, value in request.query_params.multi_items():
            if key in given:
                raise BadInput(f"parameter {key}: it is given twice; expected once, a list with commas")
            if key not in _OF_PAGE:
                given[key] = value
        return _answered(see().run(_who(request), name, given, Page(rows, start), purpose), format)

    @app.post("/data/try", openapi_extra=body(Try))
    async def attempt(
        request: Request,
        rows: Rows = 100,
        start: Start = 0,
        format: Written = Format.JSON,
        purpose: For = None,
    ) -> Response:
        """Answer a query that is not offered yet: the same policies apply, nothing is kept but the access."""
        asked = _read(Try, await request.body())
        given: dict[str, Value] = dict(asked.parameters)
        page = Page(rows, start)
        answer = await run_in_threadpool(
            lambda: see().provision.ask(_who(request), asked.definition, given, page, purpose)
        )
        return _answered(answer, format)


def _add_the_rest(app: FastAPI, see: SeeData) -> None:
    @app.get("/data/search")
    def search(
        request: Request,
        words: str = "",
        field: Annotated[list[str] | None, Query(description=f"FIELD:WORD; of {', '.join(FACETS)}.")] = None,
        hits: Annotated[int, Query(ge=1, le=200)] = 20,
        start: Annotated[int, Query(ge=0, le=10_000)] = 0,
        purpose: Purpose = Purpose.OPERATION,
    ) -> JSONResponse:
        """Find datasets, assets, contracts and queries; hits, count and facets are of what the caller may find."""
        wanted = dict(_pair(one) for one in field or [])
        found = see().search(_who(request), Search(words, wanted, hits=hits, start=start), purpose)
        return JSONResponse(json.loads(json.dumps(asdict(found), default=str)))

    @app.get("/data/access")
    def access(request: Request, dataset: str = "readings", purpose: Purpose = Purpose.OPERATION) -> JSONResponse:
        """What the caller may see, and by which policies."""
        return JSONResponse(see().sight(_who(request), dataset, purpose))

    @app.get("/data/consents")
    def consents(request: Request) -> JSONResponse:
        """The consents that the caller gave."""
        return JSONResponse(see().consents(_who(request)))

    @app.post("/data/consents", status_code=201, openapi_extra=_AGREEMENT)
    async def consent(request: Request) -> dict[str, str]:
        """Give a consent, as an ODRL agreement in JSON-LD; it holds from the next request on."""
        agreement = _json(await request.body())
        kept = await run_in_threadpool(lambda: see().consent(_who(request), agreement))
        return {"uid": kept.identity}

    @app.delete("/data/consents", status_code=204)
    def withdraw(request: Request, uid: str) -> None:
        """Withdraw a consent; from the next request on it is gone."""
        see().withdraw(_who(request), uid)

    @app.get("/data/audit")
    def audit(request: Request, last: int = 100) -> JSONResponse:
        """The newest accesses: all of them for the operator, else the caller's own."""
        return JSONResponse(see().log(_who(request), last))


def _who(request: Request) -> str:
    party: str | None = request.state.party
    return OPERATOR if party is None else party


def _answered(answer: Answer, form: Format) -> Response:
    following = {} if answer.next_start is None else {"X-Next-Start": str(answer.next_start)}
    return Response(written(answer, form), media_type=form.media_type, headers=following)


def _read(shape: Callable[..., T], body: bytes) -> T:
    given = _json(body)
    try:
        return shape(**given) if isinstance(given, dict) else shape(body=given)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(str(step) for step in first["loc"]) or "body"
        raise BadInput(f"query: {place}: {what_was_expected(first)}") from None


def _json(body: bytes) -> Json:
    try:
        found: Json = json.loads(body)
    except (ValueError, RecursionError):
        raise BadInput("body: it is no JSON; expected a JSON object") from None
    return found


def _pair(text: str) -> tuple[str, str]:
    name, colon, word = text.partition(":")
    if not colon:
        raise BadInput(f"field: {text[:60]!r}; expected FIELD:WORD, for example place:east")
    return name, word
