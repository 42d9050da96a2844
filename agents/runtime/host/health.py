"""How a host and its agents are: what an operator asks first."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from agents.runtime.host.hosted_agent import FailedEvent
from cim.codec.codec import wire


@wire("runtime.AgentHealth")
@dataclass(frozen=True, slots=True)
class AgentHealth:
    """One agent.

    Attributes:
        handled: events it has handled since it began.
        waiting: messages in its mailbox.
        failed_events: what it failed at; each with its error.
        last_at: when it last handled something.
        device: the device whose wire it holds.
        forgotten: after a loss of everything, in a sentence each, what could not be rebuilt.
    """

    name: str
    role: str
    handled: int
    waiting: int
    failed_events: tuple[FailedEvent, ...]
    last_at: datetime | None
    device: str | None
    forgotten: tuple[str, ...] = ()


@wire("runtime.HostHealth")
@dataclass(frozen=True, slots=True)
class HostHealth:
    """One host.

    Attributes:
        durable: it has a journal.
        entries: how many journal entries there are.
        rewritten: how often an emptied journal was written back.
        trouble: why the journal (or the ledger, where it is kept) does not keep what it is given at the moment, or None.
        recovery: what of the journal could not be read back as it was, in a sentence each.
    """

    agents: tuple[AgentHealth, ...]
    durable: bool
    entries: int
    rewritten: int
    trouble: str | None
    recovery: tuple[str, ...] = ()
