"""What a living site stands on: simulated devices on a paced clock, or real ones on the wall clock."""

from __future__ import annotations

from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Protocol

import structlog

from agents.assembly.agents_of_site import HISTORY_DAYS, agents_of_site, days_of_history
from agents.assembly.device_links import SocketLinks
from agents.assembly.simulated_world import open_world
from agents.assembly.site_agents import SiteAgents
from agents.runtime.clocks import PacedClock, WallClock, wall_time
from agents.runtime.device_access import DeviceLinks
from agents.runtime.scheduler import WorldClock
from cim.model.intervals import LocalDay, local_day_of
from cim.platform.exposure import is_loopback
from environment.profiles.library import load
from environment.profiles.present import of_the_present
from environment.sites import load_site
from market.ledger.signing import load_or_create_secret
from pilot.endpoints import load_endpoints
from pilot.settings import REAL, Beginning, UpSettings, beginning

SPARE_KEYS = 8  # of each party: so often its key can be rotated by who asks for it
_log = structlog.get_logger("iles")


@dataclass(frozen=True)
class SiteStart:
    """Everything that is there before an agent lives.

    Attributes:
        links: how the devices are reached.
        world: what has to be told that time goes on.
        now: the instant at which the site goes on.
        expected_at: host and port that real devices are expected to dial, if some of them dial in.
    """

    site_agents: SiteAgents
    links: DeviceLinks
    world: WorldClock
    clock: PacedClock | WallClock
    now: datetime
    expected_at: tuple[str, int] | None = None


class StartUp(Protocol):
    """Checks what the site was asked for when it is made, and prepares its start once the site's folder is ours.

    Making one raises `BadInput`, before anything is started.
    """

    async def prepare(self, cleanup: AsyncExitStack) -> SiteStart:
        """Start or reach what the site stands on; `cleanup` ends it."""
        ...


class SimulatedStartUp:
    """Simulators in a process of their own, which take their time from the scheduler."""

    def __init__(self, settings: UpSettings) -> None:
        self._settings = settings
        self._site = load_site(settings.site)
        self._profiles = load(self._site.profiles)
        first = LocalDay(settings.day or self._site.default_day, self._site.timezone, self._site.isp_minutes)
        days_of_history(first, self._profiles)
        most = (self._profiles.last.date() - first.day).days - 2
        start = first.next(-1).at(settings.hour).isoformat()
        days = min(settings.days, most)
        wanted = Beginning(self._site.name, settings.seed, start, first.key, days)
        self._kept = beginning(settings.folder, wanted)

    async def prepare(self, cleanup: AsyncExitStack) -> SiteStart:
        """The world where it was, at the pace that was asked for."""
        kept, settings = self._kept, self._settings
        site_agents = agents_of_site(
            self._site,
            self._profiles,
            date.fromisoformat(kept.first_day),
            kept.days,
            kept.seed,
            spare_keys=SPARE_KEYS,
            free_to_change=True,
        )
        start = datetime.fromisoformat(kept.start).astimezone(UTC)
        world = await open_world(
            settings.site, start, kept.seed, wire="tcp", runtime=settings.runtime, log=settings.folder / "world.log"
        )
        cleanup.push_async_callback(world.close)
        now = await world.now()
        return SiteStart(site_agents, world.links(site_agents), world, PacedClock(now, settings.speed), now)


class RealWorld:
    """Goes on by itself."""

    async def advance(self, to: datetime) -> None:
        """Nobody has to be told."""


class RealStartUp:
    """Devices where the endpoints file says; keys of its own for each party; the present."""

    def __init__(self, settings: UpSettings) -> None:
        assert settings.endpoints is not None  # noqa: S101 - whoever asks for real devices has said where they are
        self._folder = settings.folder
        self._site = site = load_site(settings.site)
        self._profiles = load(site.profiles)
        self._endpoints = load_endpoints(settings.endpoints, site)
        now = wall_time()
        today = local_day_of(now, site.timezone).key
        self._kept = beginning(settings.folder, Beginning(site.name, 0, now.isoformat(), today, settings.days, REAL))

    async def prepare(self, cleanup: AsyncExitStack) -> SiteStart:  # noqa: ARG002 - nothing is started here
        """The wires and the config; what is not known of the present is assumed, and said."""
        site, kept, endpoints = self._site, self._kept, self._endpoints
        first = date.fromisoformat(kept.first_day)
        before = HISTORY_DAYS + 3
        past = of_the_present(self._profiles, site.timezone, first - timedelta(days=before), before + 3)
        site_agents = agents_of_site(
            site, past, first, kept.days, kept.seed, secret=self._secret, spare_keys=SPARE_KEYS, free_to_change=True
        )
        _log.warning("assumed", what=f"habits before {first}: as on like days of the profiles {self._profiles.name}")
        _log.warning("assumed", what=f"no weather service: the sun as usual in the season, by {self._profiles.name}")
        host, port = endpoints.door
        if endpoints.passwords and endpoints.tls is None and not is_loopback(host):
            _log.warning(
                "exposed", what=f"passwords cross the net unencrypted to {host}:{port}; put TLS in front of it"
            )
        links = SocketLinks(
            kinds=site_agents.device_kinds,
            weather=site_agents.weather,
            addresses={**endpoints.sunspec, **endpoints.brokers},
            passwords=endpoints.passwords,
            listen_at=endpoints.door,
            real_time=True,
            by_certificate=endpoints.by_certificate,
            tls=endpoints.tls,
            evses=site_agents.evses,
        )
        expected_at = endpoints.door if endpoints.passwords or endpoints.by_certificate else None
        return SiteStart(site_agents, links, RealWorld(), WallClock(), wall_time(), expected_at)

    def _secret(self, name: str) -> bytes:
        return load_or_create_secret(self._folder / "keys" / f"{name}.key")
