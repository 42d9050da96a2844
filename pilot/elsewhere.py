"""A living site's parties elsewhere: their file, and the edge that runs with the site."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import structlog

from agents.assembly.site_agents import SiteAgents
from agents.runtime.clocks import wall_time
from agents.runtime.scheduler import AgentRuntime
from environment.sites.schema import Site
from market.uftp.checks import ReplayWindow
from pilot.outside_runtime import OutsideRuntime
from pilot.settings import UpSettings

if TYPE_CHECKING:
    from pilot.uftp.sender import Undelivered

_log = structlog.get_logger("iles.uftp")


class Elsewhere:
    """Who lives elsewhere. What speaks UFTP is imported here, where somebody does.

    Raises:
        BadInput: the file has faults, or does not fit the site.
    """

    def __init__(self, file: Path, site: Site, settings: UpSettings) -> None:
        from pilot.uftp.parties import load_parties

        self._parties, self._site, self._settings = load_parties(file), site, settings
        self._site_agents: SiteAgents | None = None
        self.url = ""

    @property
    def peers(self) -> str:
        """Their names."""
        return ", ".join(peer.name for peer in self._parties.peers)

    def without(self, site_agents: SiteAgents) -> SiteAgents:
        """The site's agents without those that live elsewhere."""
        from pilot.uftp.outside import with_outside

        self._site_agents = with_outside(site_agents, self._parties)
        return self._site_agents

    @asynccontextmanager
    async def around(self, runtime: AgentRuntime, here: Callable[[], datetime]) -> AsyncIterator[AgentRuntime]:
        """The runtime with the host of those elsewhere; their edge runs meanwhile.

        Args:
            here: the site's clock.
        """
        from pilot.uftp.edge import running_edge
        from pilot.uftp.outside import HOST, OutsideHost, scope_of

        agents, settings = self._site_agents, self._settings
        if agents is None:
            raise RuntimeError("expected `without` before `around`")
        scope = scope_of(agents, [point.id for point in self._site.congestion_points])
        speed = 1.0 if settings.endpoints is not None else max(1.0, settings.speed)
        window = ReplayWindow(ahead=ReplayWindow().ahead * speed)  # a clock that runs faster is read less exactly
        async with running_edge(
            self._parties, scope, settings.folder, here=here, wall=wall_time, window=window, gave_up=_gave_up
        ) as edge:
            self.url = edge.url
            names = {domain: name for name, domain in agents.rules.domains.items()}
            ours = frozenset(party.name for party in self._parties.ours)
            outside = OutsideHost(edge, names, runtime.host_of, ours, settings.runtime == "ray", speed)
            yield OutsideRuntime(runtime, HOST, outside)


def _gave_up(one: Undelivered) -> None:
    kind = type(one.message).__name__
    _log.warning(
        "given up", recipient=one.recipient, kind=kind, message=one.message.header.message_id, reason=one.reason
    )
