"""How a site is: agents, journal, what was put aside."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

from pydantic import Field

from portal.models.base import Count, Instant, Shown


class Status(StrEnum):
    """How a site is: `degraded` still steers its devices, with something amiss; `down` does not; `finished` has run its days."""

    OK = "ok"
    DEGRADED = "degraded"
    DOWN = "down"
    FINISHED = "finished"


class Mode(StrEnum):
    """Whose time it is."""

    SIMULATED = "simulated"
    WALL_CLOCK = "wall clock"


class AgentHealth(Shown):
    """One agent.

    Attributes:
        host: that it lives in.
        handled: events taken so far.
        waiting: messages in its mailbox.
        failed_events: messages put aside because its role failed on them.
        last_at: when it last handled anything.
        restarts: how often its host has begun a new life.
        device_fault: why its device does not answer; None: it does, or there is none.
        forgotten: after a loss of everything, what could not be rebuilt from ledger and meters, a sentence each.
    """

    name: str
    role: str
    host: str
    alive: bool
    handled: Count
    waiting: Count
    failed_events: Count
    last_at: Instant | None
    restarts: Count
    device: str | None
    device_fault: str | None
    forgotten: tuple[str, ...] = ()


class JournalHealth(Shown):
    """The journal of all hosts: its state in a word, more in a sentence, and how many entries are not synced yet."""

    state: str
    detail: str
    lag: Count


class FailedEvent(Shown):
    """A message (or other event) of type `kind` at which an agent's role failed."""

    agent: str
    at: Instant
    kind: str
    error: str


class Health(Shown):
    """How a site is, in full.

    Attributes:
        now: the site's own time, simulated or not.
        speed: seconds of the site's time in a second; None where none passes any more.
    """

    status: Status
    site: str
    now: Instant
    mode: Mode
    speed: Annotated[float, Field(gt=0)] | None
    agents: tuple[AgentHealth, ...]
    journal: JournalHealth
    failed_events: tuple[FailedEvent, ...]

    def summary(self) -> HealthSummary:
        """What anybody may know: no names, no errors' words."""
        alive = sum(agent.alive for agent in self.agents)
        waiting = sum(agent.waiting for agent in self.agents)
        failed_events = sum(agent.failed_events for agent in self.agents)
        return HealthSummary(
            status=self.status,
            site=self.site,
            now=self.now,
            agents=len(self.agents),
            alive=alive,
            waiting=waiting,
            failed_events=failed_events,
        )


class HealthSummary(Shown):
    """How a site is, for anybody: counts of agents, of those alive, and of messages waiting and failed_events."""

    status: Status
    site: str
    now: Instant
    agents: Count
    alive: Count
    waiting: Count
    failed_events: Count


class Readiness(Shown):
    """Whether the portal can show the site."""

    ready: bool
