"""The routes of the portal."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

from fastapi import FastAPI
from prometheus_client import CollectorRegistry

from portal.data_schema import query_paths
from portal.errors import add_answers_to_errors
from portal.guard import Guard, Rates, check_token
from portal.kept_bytes import KeptBytes
from portal.market_routes import add_market_routes
from portal.metrics import RequestMetrics
from portal.openapi import document_all
from portal.site_routes import add_site_routes
from portal.views import SharedAnswer, SiteView

if TYPE_CHECKING:
    from cim.platform.access.principals import Role
    from cim.platform.orchestrator.status import DataStatus
    from portal.actions import ActionSite
    from portal.auth.log_in import LogIn
    from portal.data import SeeData
    from portal.news import News
    from portal.sources import PageSources
    from portal.stream_routes import StreamSite


def create_app(
    site: SiteView,
    token: str,
    patience_s: float = 5.0,
    fresh_s: float = 1.0,
    parties: Mapping[str, str] = MappingProxyType({}),
    data: SeeData | None = None,
    data_folder: Path | None = None,
    streams: StreamSite | None = None,
    roles: Mapping[str, Role] = MappingProxyType({}),
    log_in: LogIn | None = None,
    actions: ActionSite | None = None,
    sources: PageSources | None = None,
    news: News | None = None,
    services: Mapping[str, str] = MappingProxyType({}),
    rates: Rates | None = None,
) -> FastAPI:
    """The portal of one site.

    Args:
        site: what it shows.
        token: that callers must show (`portal.tokens.portal_token`), on all paths but `portal.guard.OPEN`.
        patience_s: how long the site may take to tell its state.
        fresh_s: how long one answer of the site serves all callers.
        parties: by the token of each market party, its domain.
        data: gives the site's data platform as it is now; without it there are no queries below `/data/`.
        data_folder: whose data platform's state it tells; without it there is no `/data/status`.
        streams: its topics; without them there is no `/data/stream/`.
        roles: by domain, what each market party is.
        log_in: for people; without it there are tokens only.
        services: by the token of each service, its name (`portal.auth.caller.SERVICE_PATHS`).
        rates: how often each may call.
        actions: asks the agents of a living site; without it nobody can be asked.
        sources: what pages show beside the store; without it there are none.
        news: what has changed; without it there is no `/live`.

    Raises:
        BadInput: the token is too short to be one.
    """
    check_token(token)
    # No pages for trying it out: they load scripts from elsewhere. The schema is there, behind the token.
    app = FastAPI(title="ILES portal", docs_url=None, redoc_url=None, redirect_slashes=False)
    registry = CollectorRegistry()
    app.add_middleware(Guard, token=token, parties=parties, roles=roles, log_in=log_in, services=services, rates=rates)
    app.add_middleware(RequestMetrics, registry=registry)
    app.state.authenticated = True
    see_health = SharedAnswer(site.health, "health", patience_s, fresh_s)
    see_dso = KeptBytes(site.dso_state, "dso state", patience_s, fresh_s)

    add_answers_to_errors(app)

    add_site_routes(app, see_health, see_dso, registry)
    if log_in is not None:
        from portal.auth.routes import add_log_in

        add_log_in(app, log_in)
    if actions is not None:
        from portal.action_routes import add_action_routes

        add_action_routes(app, actions)
    see_market = SharedAnswer(site.market_rows, "market", patience_s, fresh_s)
    add_market_routes(app, see_market)
    data_status: Callable[[], DataStatus] | None = None
    if data_folder is not None:
        from cim.platform.orchestrator.status import status_of
        from portal.data_status import add_data_status

        add_data_status(app, data_folder)
        data_status = partial(status_of, data_folder)
    if data is not None:
        from portal.data_routes import add_data_routes

        add_data_routes(app, data)
    if sources is not None:
        from portal.screens.routes import PageSite, add_screens

        add_screens(app, PageSite(see_health, see_market, sources, data, data_status, actions))
    if news is not None:
        from portal.news_routes import add_news

        add_news(app, news)
    if streams is not None:
        from portal.stream_routes import add_stream_routes

        add_stream_routes(app, streams)
    document_all(app, lambda: {} if data is None else query_paths(data))
    return app
