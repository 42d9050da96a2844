"""A role under observation: what it handled and what it wanted because of it, along the one history that counts.

A host may crash, go back and handle events again; the log goes back with the role, so in the end it holds exactly what
the surviving state has been through. That is what exactly-once is about.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator
from datetime import datetime
from functools import cached_property
from typing import Any, NamedTuple, TypeVar

from agents.roles.effects import Effect, Send
from agents.roles.events import Event, Received
from agents.roles.part import Handler
from agents.roles.role import Role
from cim.codec.codec import decode, encode

E = TypeVar("E", bound=Effect)
_seen = tuple.__new__  # half the time of the named tuple's own way


class Observation(NamedTuple):
    """One event, and the effects it led to."""

    now: datetime
    event: Event
    effects: list[Effect]


Step = Callable[[Role, Event, datetime], tuple[list[list[Effect]], list[Effect]]]
"""How a bug has an event handled: the role's effects of each time it was given it, and what of them gets to the host."""


class ProbedRole:
    """Stands in a host in the place of the role `inner`; a planted bug may come in between.

    Args:
        past: the log from before the host was started again; a restored role takes its past events from it.
    """

    def __init__(self, inner: Role, step: Step | None = None, past: list[Observation] | None = None) -> None:
        self.inner, self.name, self._step = inner, inner.name, step
        self.message_handlers: dict[type, Handler] = {}  # a hosted_agent finds no way around `handle` here by itself
        self._past = past or []
        self.log: list[Observation] = []

    def handle(self, event: Event, now: datetime) -> list[Effect]:
        """As the role does, and noted."""
        if self._step is None:
            effects = self.inner.handle(event, now)
            self.note(event, effects, now)
            return effects
        times, carried_out = self._step(self.inner, event, now)
        self.log += [Observation(now, event, effects) for effects in times]
        return carried_out

    def note(self, event: Event, effects: list[Effect], now: datetime) -> None:
        """It has handled an event."""
        self.log.append(_seen(Observation, (now, event, effects)))

    @property
    def waits(self) -> bool:
        """As the role inside."""
        return self.inner.waits

    def snapshot(self) -> bytes:
        """The role's, and how long its log is."""
        return encode((self.inner.snapshot(), len(self.log)))

    def restore(self, data: bytes) -> None:
        """Go back: what came after never happened."""
        kept, length = decode(data)
        self.inner.restore(kept)
        self.log = (self.log if len(self.log) >= length else self._past)[:length]

    def wanted(self, kind: type[E]) -> list[tuple[Observation, E]]:
        """All its effects of a kind, in order, each with the event that it came of; once the simulation is over."""
        return self._wanted.get(kind, [])

    @cached_property
    def _wanted(self) -> dict[type, list[tuple[Observation, Any]]]:
        found: dict[type, list[tuple[Observation, Any]]] = defaultdict(list)
        for seen in self.log:
            for effect in seen.effects:
                found[type(effect)].append((seen, effect))
        return found

    @cached_property
    def arrived(self) -> list[tuple[str, type, int]]:
        """(sender, type, sequence number) of each message it handled, in order; once the simulation is over."""
        return [(e.sender, type(e.message), e.sequence) for _, e, _ in self.log if type(e) is Received]

    def sent(self, kind: type | tuple[type, ...]) -> Iterator[tuple[Observation, Send]]:
        """All it sent of some message types, in order, each with the event that made it do so."""
        for seen, effect in self.wanted(Send):
            if isinstance(effect.message, kind):
                yield seen, effect

    def received(self, kind: type | tuple[type, ...]) -> Iterator[tuple[datetime, str, Any]]:
        """All it received of some message types: (instant, sender, message)."""
        for now, event, _ in self.log:
            if isinstance(event, Received) and isinstance(event.message, kind):
                yield now, event.sender, event.message
