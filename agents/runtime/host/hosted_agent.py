"""An agent as its host sees it: the role, its mailbox marks, its timers, and what is needed to rebuild it exactly.

A role is deterministic, so its last full state and the events since make it again: after a crash, and after a handler
failed halfway through.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from agents.roles.effects import Effect, Timer, timer_order
from agents.roles.events import Event, Received
from agents.roles.role import Role
from agents.runtime.envelope import LANES, Envelope
from cim.codec.codec import decode, encode, wire

_LIFE = (1 << 24) - 1  # sequence numbers of a channel begin at (round of birth << 24) + 1
_PARKED = 100
_new = tuple.__new__  # half the time of the named tuple's own way


@wire("runtime.FailedEvent")
@dataclass(frozen=True, slots=True)
class FailedEvent:
    """An event at which a role failed, or a job that did; it is put aside, with its error, and the agent goes on without it."""

    agent: str
    at: datetime
    event: Any
    error: str


Occasion = Event | FailedEvent  # what an agent takes note of besides messages


@wire("runtime.AgentSnapshot")
@dataclass(frozen=True, slots=True)
class AgentSnapshot:
    """Everything of an agent at one moment.

    Attributes:
        role: its snapshot.
        seen: (sender, lane, last sequence taken).
        sent: (to, lane, last sequence given).
        timers: (timer, instant).
        birth: the round in which it began.
    """

    role: bytes
    seen: tuple[tuple[str, int, int], ...]
    sent: tuple[tuple[str, int, int], ...]
    timers: tuple[tuple[Timer | str, datetime], ...]
    failed_events: tuple[FailedEvent, ...]
    handled: int
    birth: int
    last_at: datetime | None


class HostedAgent:
    """One agent of a host.

    Args:
        build: makes its role as it is at the beginning.
        birth: the round in which it began (0 for the first start of a site); where it begins anew, its peers must not
            take its messages for old ones.
        most: events kept in memory before a new base is taken, where no journal decides it.
    """

    def __init__(self, name: str, build: Callable[[], Role], birth: int, most: int = 256) -> None:
        self.name, self.build, self.birth = name, build, birth
        self.role = role = build()
        self._most = most
        self.handlers = role.message_handlers
        self.seen: dict[tuple[str, int], int] = {}
        self.sent: dict[tuple[str, int], int] = {}
        self.timers: dict[Timer | str, datetime] = {}
        self.failed_events: tuple[FailedEvent, ...] = ()
        self.handled = 0
        self.last_at: datetime | None = None
        self.base: bytes | None = None  # role snapshot; None: as it was built
        self.since: list[tuple[Event | Envelope, datetime]] = []
        self.since_bytes = 0  # of what a journal holds of it after its last agent_snapshot there
        self.residence_at = 0  # number of the journal entry with its last agent_snapshot; 0: there is none
        self.residence_bytes = 0

    # ---- the mailbox ---------------------------------------------------------------------------------------------------

    def accepts(self, sender: str, lane: int, sequence: int, complete: bool = True) -> bool | None:
        """True: it is the next one; False: seen before; None: too early, one before it is still on its way.

        Args:
            complete: all that waits for this agent is at hand, so nothing can be on its way any more.
        """
        last = self.seen.get((sender, lane))
        if last is None:
            # Who begins anew has forgotten how far a channel was that is older than itself: the first that is there is
            # the next one, but only where no earlier one can still come.
            return True if sequence & _LIFE == 1 or (complete and sequence < self.birth << 24) else None
        if sequence <= last:
            return False
        return True if sequence == last + 1 or sequence & _LIFE == 1 else None

    def address(self, to: str, message: Any) -> Envelope:
        """The next message of a channel."""
        lane = LANES[type(message)]
        key = (to, lane)
        sequence = self.sent.get(key) or self.birth << 24
        self.sent[key] = sequence = sequence + 1
        return _new(Envelope, (to, self.name, lane, sequence, message))

    # ---- the role ------------------------------------------------------------------------------------------------------

    def handle(self, event: Event, now: datetime) -> list[Effect] | None:
        """What the role wants; None: it failed, the event is failed_events and the role is as it was before."""
        if len(self.since) >= self._most:
            self._rebase()
        self.handled += 1
        self.last_at = now
        try:
            effects = self.role.handle(event, now)
        except Exception as error:  # whatever it is, one event must not end an agent
            self._set_aside(event, error, now)
            return None
        self.since.append((event, now))
        return effects

    def take(self, envelope: Envelope, now: datetime) -> list[Effect] | None:
        """`handle` for a message: the way through which nearly everything comes, so without detours."""
        since = self.since
        if len(since) >= self._most:
            self._rebase()
            since = self.since
        self.handled += 1
        self.last_at = now
        _, sender, _, _, message = envelope
        handler = self.handlers.get(type(message))
        try:
            effects = [] if handler is None else handler(message, sender, now)
        except Exception as error:  # whatever it is, one message must not end an agent
            self._set_aside(_received(envelope), error, now)
            return None
        since.append((envelope, now))
        return effects

    def regret(self, error: Exception, now: datetime) -> None:
        """What the last event led to cannot be: it is failed_events, and the role is as it was before."""
        event, _ = self.since.pop()
        self._set_aside(_received(event) if isinstance(event, tuple) else event, error, now)

    def _rebase(self) -> bytes:
        self.base = base = self.role.snapshot()
        self.since = []
        return base

    def _set_aside(self, event: Event, error: Exception, now: datetime) -> None:
        self.put_aside(FailedEvent(self.name, now, event, f"{type(error).__name__}: {error}"))
        self.role.restore(self.build().snapshot() if self.base is None else self.base)
        for past, at in self.since:
            self.role.handle(_received(past) if isinstance(past, tuple) else past, at)

    def set_timer(self, timer: Timer | str, at: datetime | None) -> None:
        """As a journal tells it: armed for an instant, or (None) disarmed."""
        if at is None:
            self.timers.pop(timer, None)
        else:
            self.timers[timer] = at

    def put_aside(self, failed_events: FailedEvent) -> None:
        """Keep what was failed_events where it can be seen."""
        self.failed_events = (*self.failed_events, failed_events)[-_PARKED:]

    # ---- out of and into a journal ---------------------------------------------------------------------------------------

    def agent_snapshot(self) -> bytes:
        """Everything of this agent; it becomes the base of what follows."""
        base = self._rebase()
        timers = tuple(sorted(self.timers.items(), key=lambda item: timer_order(item[0])))
        seen = tuple((sender, lane, last) for (sender, lane), last in sorted(self.seen.items()))
        sent = tuple((to, lane, last) for (to, lane), last in sorted(self.sent.items()))
        return encode(
            AgentSnapshot(base, seen, sent, timers, self.failed_events, self.handled, self.birth, self.last_at)
        )

    def move_in(self, data: bytes) -> None:
        """Be as `agent_snapshot` said."""
        kept: AgentSnapshot = decode(data)
        self.role.restore(kept.role)
        self.base, self.since = kept.role, []
        self.seen = {(sender, lane): last for sender, lane, last in kept.seen}
        self.sent = {(to, lane): last for to, lane, last in kept.sent}
        self.timers = dict(kept.timers)
        self.failed_events, self.handled, self.birth, self.last_at = (
            kept.failed_events,
            kept.handled,
            kept.birth,
            kept.last_at,
        )

    def replay(self, event: Event | Envelope, now: datetime) -> None:
        """Handle an event again that was handled before; what it led to is known already."""
        self.handled += 1
        self.last_at = now
        self.role.handle(_received(event) if isinstance(event, tuple) else event, now)
        self.since.append((event, now))


def _received(envelope: Any) -> Received:
    return Received(envelope[1], envelope[3], envelope[4])
