"""An agent as its host sees it: the role, its mailbox marks, its timers, and what is needed to rebuild it exactly.

A role is deterministic, so its last full state and the events since make it again: after a crash, and after a handler
failed halfway through.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from agents.roles.effects import Effect, Timer, timer_order
from agents.roles.events import Event, Received
from agents.roles.role import Role
from agents.runtime.envelope import LANES, Envelope
from cim.codec.codec import decode, encode, wire
from cim.codec.layouts import Layouts, as_written_now, layouts_of
from cim.model.errors import BadInput

_IN_CHANNEL = (1 << 24) - 1  # sequence numbers of a channel begin at (first round of its sender << 24) + 1
_BYTES_AN_EVENT = 512  # of a base, for each event that is kept before the next one
_FAILED_EVENTS = 100  # kept of an agent, the newest
_new = tuple.__new__  # half the time of the named tuple's own way


@wire("runtime.FailedEvent")
@dataclass(frozen=True, slots=True)
class FailedEvent:
    """An event at which a role failed, or a job that did; it is put aside, with its error, and the agent goes on without it.

    Attributes:
        event: None where a later program could not read it any more.
    """

    agent: str
    at: datetime
    event: Any
    error: str


AgentEvent = Event | FailedEvent  # what an agent takes note of besides messages


@wire("runtime.AgentSnapshot")
@dataclass(frozen=True, slots=True)
class AgentSnapshot:
    """Everything of an agent at one moment.

    What its role decides the types of is encoded by itself, so that another program can read the rest without it.

    Attributes:
        role: the role's own snapshot.
        seen: (sender, lane, last sequence taken).
        sent: (to, lane, last sequence given).
        timers: (timer, instant).
        first_round: the round in which it began.
        layouts: the fields of the dataclasses in `role`.
    """

    role: bytes
    seen: tuple[tuple[str, int, int], ...]
    sent: tuple[tuple[str, int, int], ...]
    timers: tuple[tuple[bytes, datetime], ...]
    failed_events: tuple[bytes, ...]
    handled: int
    first_round: int
    last_at: datetime | None
    layouts: Layouts


class HostedAgent:
    """One agent of a host.

    Args:
        build: makes its role as it is at the beginning.
        first_round: in which it began (0 for the first start of a site); where it begins anew, its peers must not take
            its messages for old ones.
        most: events kept in memory before a new base is taken, where no journal decides it; more where the base is large.

    Attributes:
        lost: why a journal's last state of it could not be read, so that it is to begin from the ledger; else None.
    """

    def __init__(self, name: str, build: Callable[[], Role], first_round: int, most: int = 256) -> None:
        self.name, self.build, self.first_round = name, build, first_round
        self.role = role = build()
        self._most = self._window = most
        self.handlers = role.message_handlers
        self.seen: dict[tuple[str, int], int] = {}
        self.sent: dict[tuple[str, int], int] = {}
        self.timers: dict[Timer, datetime] = {}
        self.failed_events: tuple[FailedEvent, ...] = ()
        self.handled = 0
        self.last_at: datetime | None = None
        self.lost: str | None = None
        self.base: bytes | None = None  # role snapshot; None: as it was built
        self.since: list[tuple[Event | Envelope, datetime]] = []
        self.since_bytes = 0  # of what a journal holds of it after its last snapshot there
        self.snapshot_at = 0  # number of the journal entry with its last snapshot; 0: there is none
        self.snapshot_bytes = 0

    @property
    def begins(self) -> bool:
        """Whether nothing is known of it, so that it has to begin."""
        return self.snapshot_at == 0

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
            first = sequence & _IN_CHANNEL == 1
            return True if first or (complete and sequence < self.first_round << 24) else None
        if sequence <= last:
            return False
        return True if sequence == last + 1 or sequence & _IN_CHANNEL == 1 else None

    def address(self, to: str, message: object) -> Envelope:
        """The next message of a channel."""
        lane = LANES[type(message)]
        key = (to, lane)
        sequence = self.sent.get(key) or self.first_round << 24
        self.sent[key] = sequence = sequence + 1
        return _new(Envelope, (to, self.name, lane, sequence, message))

    # ---- the role ------------------------------------------------------------------------------------------------------

    def handle(self, event: Event, now: datetime) -> list[Effect] | None:
        """What the role wants; None: it failed, the event is put aside and the role is as it was before."""
        if len(self.since) >= self._window:
            self._rebase()
        self.handled += 1
        self.last_at = now
        try:
            effects = self.role.handle(event, now)
        except Exception as error:  # whatever it is, one event must not end an agent
            self._failed(event, error, now)
            return None
        self.since.append((event, now))
        return effects

    def take(self, envelope: Envelope, now: datetime) -> list[Effect] | None:
        """`handle` for a message: the way through which nearly everything comes, so without detours."""
        since = self.since
        if len(since) >= self._window:
            self._rebase()
            since = self.since
        self.handled += 1
        self.last_at = now
        _, sender, _, _, message = envelope
        handler = self.handlers.get(type(message))
        try:
            effects = [] if handler is None else handler(message, sender, now)
        except Exception as error:  # whatever it is, one message must not end an agent
            self._failed(_received(envelope), error, now)
            return None
        since.append((envelope, now))
        return effects

    def undo(self, error: Exception, now: datetime) -> None:
        """What the last event led to cannot be: it is put aside, and the role is as it was before."""
        event, _ = self.since.pop()
        self._failed(_received(event) if isinstance(event, Envelope) else event, error, now)

    def _rebase(self) -> bytes:
        self.base, self.since = (base := self.role.snapshot()), []
        # What it costs goes by its size: who has a large state and much to do would else write it out all day.
        self._window = max(self._most, len(base) // _BYTES_AN_EVENT)
        return base

    def _failed(self, event: Event, error: Exception, now: datetime) -> None:
        self.put_aside(FailedEvent(self.name, now, event, f"{type(error).__name__}: {error}"))
        self.role.restore(self.build().snapshot() if self.base is None else self.base)
        for past, at in self.since:
            self.role.handle(_received(past) if isinstance(past, Envelope) else past, at)

    def put_aside(self, failed: FailedEvent) -> None:
        """Keep an event that failed where it can be seen."""
        self.failed_events = (*self.failed_events, failed)[-_FAILED_EVENTS:]

    # ---- out of and into a journal ---------------------------------------------------------------------------------------

    def snapshot(self) -> bytes:
        """Everything of this agent (`AgentSnapshot`); it becomes the base of what follows."""
        base = self._rebase()
        seen = tuple((*channel, last) for channel, last in sorted(self.seen.items()))
        sent = tuple((*channel, last) for channel, last in sorted(self.sent.items()))
        timers = tuple((encode(timer), self.timers[timer]) for timer in sorted(self.timers, key=timer_order))
        failed = tuple(map(encode, self.failed_events))
        return encode(
            AgentSnapshot(
                base, seen, sent, timers, failed, self.handled, self.first_round, self.last_at, layouts_of(base)
            )
        )

    def restore(self, data: bytes) -> None:
        """Be as `snapshot` said. A role's state of other fields is read by their names; timers of types that are gone drop.

        Raises:
            BadInput: the role's state cannot be read; all else is as the snapshot said, but no timer is armed.
        """
        kept: AgentSnapshot = decode(data)
        self.seen = {(sender, lane): last for sender, lane, last in kept.seen}
        self.sent = {(to, lane): last for to, lane, last in kept.sent}
        self.handled, self.first_round, self.last_at = kept.handled, kept.first_round, kept.last_at
        self.timers, self.failed_events = {}, ()
        for failed in kept.failed_events:
            with suppress(BadInput):  # what it was about is gone with its type
                self.failed_events = (*self.failed_events, decode(failed))
        base = as_written_now(kept.role, kept.layouts)
        self.role.restore(base)
        self.base, self.since = base, []
        for timer, at in kept.timers:
            with suppress(BadInput):  # nobody would know what to do when it fires
                self.timers[decode(timer)] = at


def _received(envelope: Envelope) -> Received:
    return Received(envelope.sender, envelope.sequence, envelope.message)
