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
    armed: list[tuple[str, datetime | None, Timer]] = field(default_factory=list)
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


@dataclass(slots=True)
class _Note:
    device: str
    news: News
    entry: int  # of the journal; 0: in none yet


class Notes:
    """What devices said by themselves and no agent has handled yet."""

    def __init__(self) -> None:
        self._notes: list[_Note] = []

    def add(self, device: str, news: News, entry: int = 0) -> bool:
        """Keep it, once; returns whether it is new. `entry` is that of the journal which holds it."""
        if any((note.device, note.news) == (device, news) for note in self._notes):
            return False
        self._notes.append(_Note(device, news, entry))
        return True

    def handled(self, events: Iterable[tuple[str, AgentEvent | None]]) -> None:
        """Drop those whose news an agent has handled now."""
        if self._notes:
            for _, event in events:
                if isinstance(event, Measured) and event.news:
                    self._notes = [n for n in self._notes if n.device != event.device or n.news not in event.news]

    def every(self, unwritten: bool = False) -> list[tuple[str, News]]:
        """(device, news), in order; only of those that are in no entry yet, if `unwritten`."""
        return (
            [(note.device, note.news) for note in self._notes if not (unwritten and note.entry)] if self._notes else []
        )

    def written(self, entry: int, told: list[tuple[str, News]]) -> None:
        """An entry of the journal holds these."""
        for note in self._notes:
            if (note.device, note.news) in told:
                note.entry = entry

    def oldest(self, entry: int) -> int:
        """The oldest entry that holds one, where it is older than `entry`."""
        return min([entry, *(note.entry for note in self._notes if note.entry)]) if self._notes else entry
