"""A journal read back after a crash: everybody as it says, and the rounds that are not settled yet."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from agents.roles.events import Fired
from agents.runtime.envelope import Envelope
from agents.runtime.host.hosted_agent import FailedEvent
from agents.runtime.host.log_entry import LogEntry, Script
from agents.runtime.host.rounds import Note, Round, Step, unhandled
from agents.runtime.host.snapshot_schedule import SnapshotSchedule
from cim.model.errors import BadInput


@dataclass
class JournalReading:
    """What a journal says of its host's rounds, as far as it has been read.

    Attributes:
        program: which reads.
        based: agent -> number of the entry with its last agent_snapshot: what comes before that is in it.
        rounds: whose messages may not have reached their receivers, by number.
        settled: what was sent up to this round is with its receivers.
        last, open: the last round that was ended, and the one that was cut off.
        number: of the last entry.
    """

    program: bytes = b""
    based: dict[str, int] = field(default_factory=dict)
    rounds: dict[int, Round] = field(default_factory=dict)
    settled: int = 0
    notes: list[Note] = field(default_factory=list)
    open: Round | None = None
    last: Round | None = None
    number: int = 0

    def read(self, number: int, entry: LogEntry, script: Script, agent_snapshots: SnapshotSchedule) -> None:
        """Take the next entry in: its agents handle again what they handled then.

        Raises:
            BadInput: it keeps agents that do not live here, or events that another program lived through.
        """
        self.number = number
        part = self.rounds.get(entry.round)
        if part is None:
            part = self.rounds[entry.round] = Round(entry.round, entry.now, entry=number)
        self.settled = max(self.settled, entry.settled)
        for old in [n for n in self.rounds if n <= self.settled]:
            del self.rounds[old]
        step = Step(
            script.decode(entry.others) if entry.others else (),
            script.decode_batch(entry.inbox) if entry.inbox else [],
            script.decode_batch(entry.outbox) if entry.outbox else [],
        )
        _must_live_here(number, entry, step, agent_snapshots)
        if entry.others or entry.inbox or entry.agent_snapshots:
            part.outbox += step.outbox
            part.handled += len(step.inbox)
            part.published += entry.published
            part.effect_runner, part.taken = list(entry.effect_runner), entry.taken or part.taken
            self.last, self.open = (part, None) if entry.done else (self.last, part)

        def again(name: str) -> bool:
            return self.based.get(name, number) < number

        if entry.program != self.program:
            _must_not_live_again(number, entry, step, again)
        _replay(entry, step, agent_snapshots, again)
        agent_snapshots.weigh(step, len(entry.inbox) * script.unit, len(entry.others) * script.unit)
        if self.notes:
            self.notes = unhandled(self.notes, step.others)
        self.notes += [Note(device, news, number) for device, news in entry.notes]
        for name, kept in entry.agent_snapshots:
            if self.based[name] != number:
                continue
            hosted_agent = agent_snapshots.hosted_agents[name]
            hosted_agent.move_in(kept)
            agent_snapshots.written(hosted_agent, number, kept)


def _must_live_here(number: int, entry: LogEntry, step: Step, agent_snapshots: SnapshotSchedule) -> None:
    for name in [*(n for n, _ in step.others), *(e.to for e in step.inbox), *(n for n, _ in entry.agent_snapshots)]:
        if name not in agent_snapshots.hosted_agents:
            raise BadInput(
                f"journal: entry {number} keeps {name!r}, who does not live in this host; "
                "expected the agents and the placement that it was written with"
            )


def _must_not_live_again(number: int, entry: LogEntry, step: Step, again: Callable[[str], bool]) -> None:
    for name in [*(n for n, _ in step.others), *(e.to for e in step.inbox)]:
        if again(name):
            raise BadInput(
                f"journal: {name} would have to live again through entry {number}, which another program wrote "
                f"({entry.program.hex() or 'an older one'}), and might decide otherwise; either start that one and end it "
                "in peace (SIGTERM), or remove the journal: then the site goes on from its ledger"
            )


def _replay(entry: LogEntry, step: Step, agent_snapshots: SnapshotSchedule, again: Callable[[str], bool]) -> None:
    """Let agents handle a step's events again; what they led to is in the entry already."""
    hosted_agents = agent_snapshots.hosted_agents
    failed = {(name, index): failed_events for name, index, failed_events in entry.failed}
    index: dict[str, int] = {}
    events: list[tuple[int, str, Any]] = []
    for name, event in step.others:
        events.append((index.get(name, 0), name, event))
        index[name] = index.get(name, 0) + 1
    events += [(-1 - k, envelope.to, envelope) for k, envelope in enumerate(step.inbox)]
    for number_there, name, event in events:
        if not again(name):
            continue  # its agent_snapshot comes later in what is kept
        hosted_agent = hosted_agents[name]
        if isinstance(event, Fired):
            hosted_agent.timers.pop(event.timer, None)
        if isinstance(event, FailedEvent):
            hosted_agent.put_aside(event)
            continue
        if (name, number_there) in failed:
            hosted_agent.put_aside(failed[name, number_there])
            hosted_agent.handled, hosted_agent.last_at = hosted_agent.handled + 1, entry.now
        else:
            hosted_agent.replay(event, entry.now)
    _mark(step.inbox, step.outbox, agent_snapshots)
    for name, timer, at in entry.armed:
        hosted_agents[name].set_timer(timer, at)


def _mark(inbox: list[Envelope], outbox: list[Envelope], agent_snapshots: SnapshotSchedule) -> None:
    for to, sender, lane, sequence, _ in inbox:
        agent_snapshots.hosted_agents[to].seen[sender, lane] = sequence
    for to, sender, lane, sequence, _ in outbox:
        agent_snapshots.hosted_agents[sender].sent[to, lane] = sequence
