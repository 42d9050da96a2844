"""Where a site's agents live and what makes them durable: runtime and journal, picked here and nowhere else."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import structlog

from agents.assembly.site_agents import SiteAgents
from agents.roles.ledger_keeper import CLOSING
from agents.runtime.device_access import DeviceLinks
from agents.runtime.placement import Placement
from agents.runtime.revival import Revival
from cim.model.errors import ProgrammingFault
from market.rules import MarketRules

if TYPE_CHECKING:
    from agents.assembly.processes.runtime import ProcessRuntime
    from agents.runtime.local import LocalRuntime
    from agents.runtime.ray.runtime import RayRuntime

_LAST_BLOCK = timedelta(minutes=30)  # after its closing: it is co-signed by then

_log = structlog.get_logger("iles")


@dataclass(frozen=True)
class RuntimeChoice:
    """Where agents live.

    Attributes:
        runtime: `ray` or `local`.
        agents_per_actor: how many agents share a Ray actor.
        place: (pattern of agent names, Ray resource their node must offer).
        dial_in_together: agents whose devices dial in share one actor, because real devices know one address to dial.
        allow_missing: go on without devices that do not answer at the start.
        patience_s: how long the others wait for a host in one round; None: as long as it takes.
        processes: of this machine, among which `links` deal the site, see `agents.assembly.parted_world`.
    """

    runtime: str
    agents_per_actor: int = 1
    place: tuple[tuple[str, str], ...] = ()
    dial_in_together: bool = False
    allow_missing: bool = False
    patience_s: float | None = None
    processes: int = 1


@dataclass(frozen=True)
class JournalPlace:
    """A journal's server and the part of it that is this site's; `trouble` says what is wrong with it, or None."""

    url: str
    space: str
    trouble: Callable[[], str | None]


@contextmanager
def journal_server(folder: Path, space: str) -> Iterator[JournalPlace]:
    """The server of `REDIS_URL`, or one of its own that keeps its files in `folder` and ends with the context."""
    url = os.environ.get("REDIS_URL")
    if url:
        from agents.runtime.journal.durability import durability_faults

        for fault in durability_faults(url):
            _log.warning("journal", reason=fault)
        yield JournalPlace(url, space, lambda: None)
        return
    from agents.assembly.journal_server.embedded import EmbeddedRedis

    with EmbeddedRedis(folder) as server:
        server.keep_alive()
        yield JournalPlace(
            server.url, space, lambda: None if server.alive else "the journal's server is being restarted"
        )


def make_runtime(
    site_agents: SiteAgents,
    links: DeviceLinks,
    ledger: Path,
    choice: RuntimeChoice,
    journal: JournalPlace | None = None,
    revived: Callable[[Revival], None] = lambda _: None,
) -> LocalRuntime | ProcessRuntime | RayRuntime:
    """The runtime that was asked for, not yet open; on Ray, which must run, its actors are being started.

    Args:
        journal: makes agents durable.
        revived: called with each host that died and is back.

    Raises:
        BadInput: the placement does not fit, or no node offers a resource that it asks for.
    """
    if choice.processes > 1:
        return _shared(site_agents, links, ledger, choice)
    if choice.runtime == "local":
        from agents.runtime.journal.redis_journal import RedisJournal
        from agents.runtime.local import HOST, LocalRuntime

        kept = None if journal is None else RedisJournal(journal.url, journal.space, HOST)
        return LocalRuntime(site_agents, links, ledger, choice.allow_missing, kept)
    from agents.runtime.ray.runtime import RayRuntime

    runtime = RayRuntime(
        site_agents,
        links,
        ledger,
        Placement(choice.agents_per_actor, choice.place, choice.dial_in_together),
        allow_missing=choice.allow_missing,
        journal=None if journal is None else (journal.url, journal.space),
        patience_s=choice.patience_s,
        revived=revived,
    )
    runtime.start()
    return runtime


def _shared(site_agents: SiteAgents, links: DeviceLinks, ledger: Path, choice: RuntimeChoice) -> ProcessRuntime:
    from agents.assembly.parted_world import PartedLinks
    from agents.assembly.processes.runtime import ProcessRuntime

    if not isinstance(links, PartedLinks):
        raise ProgrammingFault(f"{choice.processes} processes over {type(links).__name__}; expected PartedLinks")
    allow_missing = choice.allow_missing
    return ProcessRuntime(site_agents, links, ledger, links.workers, links.host_of, allow_missing=allow_missing)


def end_of_operation(rules: MarketRules) -> datetime:
    """When the block of the last operated day is closed and co-signed."""
    return rules.periods[-1].end + CLOSING + _LAST_BLOCK
