"""The pages' routes: `/`, `/dso/pages/...`, `/market/pages/...`, `/data/pages/...`, and what they load from `/pages/`."""

from __future__ import annotations

import base64
import gzip
import hashlib
import re
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, partial
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Final, TypeVar

import anyio
from anyio.to_thread import run_sync
from fastapi import FastAPI, HTTPException, Query, Request, Response
from fastapi.responses import RedirectResponse

from cim.model.errors import BadInput, IlesError
from cim.platform.access.principals import Role
from cim.platform.access.secured import Denied
from cim.platform.orchestrator.status import DataStatus
from cim.platform.publications.site import SiteDescribed
from cim.platform.store import values
from portal.actions import ActionSite
from portal.auth.caller import caller_of
from portal.data import OPERATOR, SeeData
from portal.grid_routes import add_grid_routes
from portal.market import MarketRows
from portal.models import Health
from portal.screens.bills import PRINTED
from portal.screens.catalogue import catalogue
from portal.screens.frame import POLICY, STATIC, framed
from portal.screens.markup import Html, note
from portal.screens.measured import Measured
from portal.screens.page import Screen
from portal.screens.seen import Seen, Visitor
from portal.screens.sheets import TABLE, Making, making
from portal.screens.wall import PATH, WALL, wall_framed
from portal.sources import PageSources
from portal.views import SharedAnswer, ViewError

T = TypeVar("T")
_AT_WORK = 2  # pages made at once; who asks meanwhile waits, and control goes on
_NEWS: Final = re.compile(r"[0-9a-f]{8}-[0-9]{1,15}")  # an event's identity, see `portal.news`
_KEPT = 256  # answers for a second
_KINDS: Final = {".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml"}
_CACHED: Final = "private, max-age=86400"
_ECHARTS: Final = "nicegui/elements/echart/dist"  # NiceGUI brings it, so no other host is asked


@dataclass(frozen=True)
class PageSite:
    """What the pages are made from; `data` and `look` None where the portal serves no data, `actions` where nobody lives."""

    health: SharedAnswer[Health]
    market: SharedAnswer[MarketRows]
    sources: PageSources
    data: SeeData | None
    look: Callable[[], DataStatus] | None
    actions: ActionSite | None = None


def visitor_of(request: Request) -> Visitor:
    """Who looks, as the guard has found.

    Raises:
        HTTPException: 401 where nobody is known.
    """
    caller = caller_of(request)
    if caller is None:
        raise HTTPException(401, "a log-in or a token is needed")
    # Of a party's token whose role nobody said: what every market party sees.
    role = caller.role or Role.PROSUMER
    return Visitor(caller.name, OPERATOR if caller.party is None else caller.party, role, caller.party, caller.csrf)


class Pages:
    """Makes pages, two at a time, and shows the same for a second to all who may see the same."""

    def __init__(self, site: PageSite) -> None:
        self.site, self.screens = site, catalogue(site.look if site.data is not None or site.look else None)
        self._measured = Measured(site.sources.readings)
        self._kept: OrderedDict[tuple[str, str, str, Role, str], SharedAnswer[tuple[int, Sequence[Html]]]] = (
            OrderedDict()
        )
        self._room: anyio.CapacityLimiter | None = None

    def allowed(self, visitor: Visitor) -> list[Screen]:
        """What the visitor's menu has."""
        return [screen for screen in self.screens.values() if visitor.role in screen.roles]

    async def parts(self, screen: Screen, visitor: Visitor, request: Request) -> tuple[int, Sequence[Html]]:
        """A page's status and parts; what cannot be shown is a sentence."""
        # Who has heard of news is not shown what was made before them.
        news = request.headers.get("x-news", "")
        heard = news if _NEWS.fullmatch(news) else ""
        key = (screen.path, request.url.query, visitor.who, visitor.role, heard)
        if key not in self._kept:
            query = dict(request.query_params)
            page = Making(screen.path, query)
            made = partial(self.made, screen, visitor, query, page)
            self._kept[key] = SharedAnswer(made, screen.name, 30.0, 0.9)
            while len(self._kept) > _KEPT:
                self._kept.popitem(last=False)
        self._kept.move_to_end(key)
        return await self._kept[key]()

    async def answered(self, visitor: Visitor, query: Mapping[str, str], answer: Callable[[Seen], T]) -> T:
        """What is made of the site as it is now, in a thread, two at a time."""
        self._room = self._room or anyio.CapacityLimiter(_AT_WORK)
        health, market = await self.site.health(), await self.site.market()
        seen = Seen(
            market.store, health, self.site.sources, self._measured, visitor, query, self.site.data, self.site.actions
        )
        return await run_sync(answer, seen, limiter=self._room)

    async def look(self, request: Request, query: Mapping[str, str], answer: Callable[[Seen], T]) -> T:
        """The same for a route, by whoever calls it.

        Raises:
            ViewError: nothing; in one sentence why.
        """
        try:
            return await self.answered(visitor_of(request), query, answer)
        except (BadInput, ViewError):
            raise
        except IlesError as error:
            raise ViewError(f"grid: {error}") from error

    async def made(
        self, screen: Screen, visitor: Visitor, query: dict[str, str], page: Making
    ) -> tuple[int, Sequence[Html]]:
        """A page's status and parts, made now."""
        try:
            return 200, await self.answered(visitor, query, partial(_make, screen, page))
        except Denied as error:
            return 403, (note(str(error)),)
        except BadInput as error:
            return 422, (note(str(error)),)
        except IlesError as error:
            return 503, (note(str(error)),)


def _make(screen: Screen, page: Making, seen: Seen) -> Sequence[Html]:
    with making(page):
        return screen.make(seen)


def add_screens(app: FastAPI, site: PageSite) -> None:
    """Add them all, and the routes that answer from the same sources."""
    pages = Pages(site)
    add_grid_routes(app, pages.look)

    @app.get("/", include_in_schema=False)
    async def home(request: Request) -> Response:
        """To the first page that the visitor may see."""
        return RedirectResponse(pages.allowed(visitor_of(request))[0].path, 303)

    _add_sheets(app, pages)

    @app.get("/{area}/pages/{name}", include_in_schema=False)
    async def page(request: Request, area: str, name: str) -> Response:
        visitor = visitor_of(request)
        screen = pages.screens.get(f"/{area}/pages/{name}")
        shown: Sequence[str]
        if screen is None:
            status, shown = 404, (note("There is no page of this name."),)
        elif visitor.role not in screen.roles:
            status, shown = 403, (note(f"This page is not for the role {visitor.role}."),)
        else:
            status, shown = await pages.parts(screen, visitor, request)
        told = await site.health()
        live = status == 200 and area != "data" and told.speed is not None
        described = values((await site.market()).store, SiteDescribed)
        zone = described[-1].timezone if described else "UTC"
        text = framed(screen, pages.allowed(visitor), visitor, told.site, shown, live, zone)
        return _sent(request, text.encode(), "text/html", {"Content-Security-Policy": POLICY}, status)

    @app.get(PATH, include_in_schema=False)
    async def wall(request: Request) -> Response:
        """The wall display, for who may see the grid operator's pages."""
        visitor = visitor_of(request)
        if visitor.role not in WALL.roles:
            raise HTTPException(403, f"this page is not for the role {visitor.role}")
        status, shown = await pages.parts(WALL, visitor, request)
        told, described = await site.health(), values((await site.market()).store, SiteDescribed)
        text = wall_framed(told.site, shown, described[-1].timezone if described else "UTC")
        return _sent(request, text.encode(), "text/html", {"Content-Security-Policy": POLICY}, status)

    _add_invoices(app, site)

    @app.get("/pages/{name:path}", include_in_schema=False)
    async def static(request: Request, name: str) -> Response:
        """Scripts, styles, and ECharts."""
        found = _file(name)
        if found is None:
            raise HTTPException(404, "there is no file of this name")
        body, packed, kind = found
        return _sent(request, body, kind, {"Cache-Control": _CACHED}, 200, packed)

    _add_proofs(app, site)


def _add_sheets(app: FastAPI, pages: Pages) -> None:
    @app.get("/{area}/pages/{name}.csv", include_in_schema=False)
    async def sheet(request: Request, area: str, name: str) -> Response:
        """A table or chart of a page, by its caption, with all its rows."""
        visitor, screen = visitor_of(request), pages.screens.get(f"/{area}/pages/{name}")
        if screen is None:
            raise HTTPException(404, "there is no page of this name")
        if visitor.role not in screen.roles:
            raise HTTPException(403, f"this page is not for the role {visitor.role}")
        query = dict(request.query_params)
        page = Making(screen.path, {}, query.pop(TABLE, ""))
        status, shown = await pages.made(screen, visitor, query | {"rows": "all"}, page)
        if status != 200:
            raise HTTPException(status, re.sub(r"<[^>]*>", "", "".join(shown)))
        if page.found is None:
            raise HTTPException(404, "table: this page has no table or chart of this caption that is not empty")
        named = re.sub(r"[^A-Za-z0-9]+", "-", page.found.caption).strip("-").lower()[:60]
        headers = {"Content-Disposition": f'attachment; filename="{name}-{named}.csv"'}
        return _sent(request, page.found.csv().encode(), "text/csv", headers)


def _add_proofs(app: FastAPI, site: PageSite) -> None:
    def proof(request: Request, kind: str, key: str) -> Response:
        """The proof that a record stands under the ledger's last head, as `iles ledger prove` writes it."""
        if site.sources.ledger is None:
            raise HTTPException(404, "this site has no ledger yet")
        visitor = visitor_of(request)
        if visitor.party is not None and not any(
            (one.kind, one.key) == (kind, key) for one in site.sources.ledger.records(visitor.party)
        ):
            raise HTTPException(404, f"no record {kind[:60]} {key[:80]} that concerns you is in a block")
        try:
            text = site.sources.ledger.proof(kind, key, shown=True)
        except BadInput as error:
            raise HTTPException(404, str(error)) from None
        return Response(text, media_type="application/json")

    for path in ("/dso/ledger/proof", "/market/ledger/proof"):
        app.get(
            path,
            name=path.strip("/").replace("/", "_"),
            response_class=Response,
            responses={404: {"description": "There is no such record in a block."}},
        )(proof)


def _add_invoices(app: FastAPI, site: PageSite) -> None:
    @app.get(PRINTED, response_class=Response, responses={404: {"description": "There is no such invoice of yours."}})
    async def invoice(request: Request, number: Annotated[str, Query(max_length=300)]) -> Response:
        """An invoice or credit note as a page to print, by its number."""
        party = visitor_of(request).party
        try:
            if site.sources.ledger is None:
                raise BadInput("number: there is no ledger, so nothing is billed")
            text = await run_sync(site.sources.ledger.invoice_page, number, party)
        except BadInput as error:
            raise HTTPException(404, str(error)) from None
        return _sent(request, text.encode(), "text/html", {"Content-Security-Policy": _own_style(text)})


def _own_style(page: str) -> str:
    """A policy under which a page has no scripts and nothing from anywhere, and no style but the one that stands in it."""
    styles = re.findall(r"<style>(.*?)</style>", page, re.DOTALL)
    known = " ".join(f"'sha256-{base64.b64encode(hashlib.sha256(one.encode()).digest()).decode()}'" for one in styles)
    return f"default-src 'none'; style-src {known}; base-uri 'none'; frame-ancestors 'none'"


def _sent(
    request: Request, body: bytes, kind: str, headers: dict[str, str], status: int = 200, packed: bytes | None = None
) -> Response:
    if "gzip" in request.headers.get("accept-encoding", "") and len(body) > 1_000:
        # Nothing secret stands in what is packed: a page's scripts ask /session for the token that they send back.
        body = packed or gzip.compress(body, 5)
        headers = {**headers, "Content-Encoding": "gzip", "Vary": "Accept-Encoding"}
    return Response(body, status, headers, f"{kind}; charset=utf-8")


@cache
def _file(name: str) -> tuple[bytes, bytes, str] | None:
    """A file that pages load, as it is and packed, and its kind; None where there is none."""
    folder, plain = STATIC, name
    if name.startswith("echarts/"):
        found = find_spec("nicegui")
        if found is None or found.origin is None:
            return None
        folder, plain = Path(found.origin).parent.parent / _ECHARTS, name.removeprefix("echarts/")
    path = folder / plain
    if "/" in plain or plain.startswith(".") or path.suffix not in _KINDS or not path.is_file():
        return None
    body = path.read_bytes()
    return body, gzip.compress(body, 6), _KINDS[path.suffix]
