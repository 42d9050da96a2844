"""The portal of a living site: its view, data, topics, users, and the mailbox to its agents."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from fastapi import FastAPI

from agents.assembly.site_agents import SiteAgents
from agents.runtime.scheduler import RoundScheduler
from cim.platform.mailbox.mailbox import Mailbox
from environment.sites import load_site
from pilot.mailbox import HOST
from pilot.page_sources import sources_of
from pilot.settings import UpSettings
from pilot.view import LivingView, market_dso, market_parties, market_roles
from portal.actions import ActionSite
from portal.app import create_app
from portal.auth.caller import SERVICE_PATHS
from portal.auth.log_in import LogIn
from portal.auth.users import FIRST
from portal.callers import named_callers, named_roles
from portal.live_data import LiveData
from portal.news import News
from portal.shift_log import ShiftLog, shift_log_path
from portal.stream_routes import StreamSite
from portal.tokens import party_tokens, portal_token, service_tokens


def living_portal(
    settings: UpSettings,
    site_agents: SiteAgents,
    view: LivingView,
    scheduler: RoundScheduler,
    streams: StreamSite,
    mailbox: Mailbox,
    news: News,
    say: Callable[[str], None],
) -> FastAPI:
    """The application; the first start says the administrator's one-time password.

    Raises:
        BadInput: a file of tokens, users or principals cannot be read.
    """
    folder, log_in = settings.folder, LogIn(settings.folder)
    if (first := log_in.users.first_start()) is not None:
        say(f"log in as {FIRST} with the one-time password {first}; it is not shown again")
    mailbox.notify = _nudging(scheduler)
    return create_app(
        view,
        portal_token(folder),
        parties=party_tokens(folder, (*market_parties(site_agents), *named_callers(folder))),
        data=LiveData(folder, lambda: scheduler.now, make_index=False),
        data_folder=folder,
        streams=streams,
        roles={**market_roles(site_agents), **named_roles(folder)},
        log_in=log_in,
        services=service_tokens(folder, SERVICE_PATHS),
        actions=ActionSite(
            mailbox, market_dso(site_agents), lambda: scheduler.now, log_in.audit, ShiftLog(shift_log_path(folder))
        ),
        sources=sources_of(folder, load_site(settings.site)),
        news=news,
    )


def _nudging(scheduler: RoundScheduler) -> Callable[[], None]:
    """Wakes the mailbox's host, from any thread."""
    loop = asyncio.get_running_loop()

    def nudge() -> None:
        loop.call_soon_threadsafe(scheduler.nudge, HOST)

    return nudge
