"""What a host's round and its steps are while they are worked: what was handled, and what it led to."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from agents.roles.effects import Timer
from agents.roles.events import Measured
from agents.runtime.envelope import Envelope, Published
from agents.runtime.host.effects import AgentEffect
from agents.runtime.host.hosted_agent import AgentEvent, FailedEvent
from cim.model.devices import News


@dataclass(slots=True)
class Step:
    """One step of a round: what was handled and what it led to."""

    events: Sequence[tuple[str, AgentEvent]]
    inbox: list[Envelope]
    outbox: list[Envelope] = field(default_factory=list)
    effects: list[AgentEffect] = field(default_factory=list)
    published: list[Published] = field(default_factory=list)
    armed: list[tuple[str, Timer | str, datetime | None]] = field(default_factory=list)
    failed: list[tuple[str, int, FailedEvent]] = field(default_factory=list)


@dataclass(slots=True)
class Round:
    """A round of this host, as far as it is."""

    number: int
    now: datetime
    outbox: list[Envelope] = field(default_factory=list)
    published: list[Published] = field(default_factory=list)
    effects: list[AgentEffect] = field(default_factory=list)
    taken: tuple[tuple[str, int], ...] = ()
    handled: int = 0
    entry: int = 0  # number of its first journal entry


@dataclass
class Note:
    """What a device said by itself and no agent has handled yet; `entry`: of the journal, 0 as long as it is in none."""

    device: str
    news: News
    entry: int = 0


def unhandled(notes: list[Note], events: Iterable[tuple[str, AgentEvent]]) -> list[Note]:
    """The notes without those whose news an agent has handled now."""
    for _, event in events:
        if isinstance(event, Measured) and event.news:
            notes = [n for n in notes if n.device != event.device or n.news not in event.news]
    return notes
