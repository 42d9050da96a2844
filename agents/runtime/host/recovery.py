"""A journal read back after a crash: everybody as it says, and the rounds that are not settled yet."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from agents.roles.events import Fired
from agents.runtime.envelope import Envelope
from agents.runtime.host.hosted_agent import Parked
from agents.runtime.host.log_entry import Entry, Script
from agents.runtime.host.rounds import Note, Round, Step, unhandled
from agents.runtime.host.snapshot_schedule import Residences
from cim.model.errors import BadInput


@dataclass
class Past:
    """What a journal says of its host's rounds, as far as it has been read.

    Attributes:
        program: which reads.
        based: agent -> number of the entry with its last residence: what comes before that is in it.
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

    def read(self, number: int, entry: Entry, script: Script, residences: Residences) -> None:
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
        _must_live_here(number, entry, step, residences)
        if entry.others or entry.inbox or entry.residences:
            part.outbox += step.outbox
            part.handled += len(step.inbox)
            part.published += entry.published
            part.hands, part.taken = list(entry.hands), entry.taken or part.taken
            self.last, self.open = (part, None) if entry.done else (self.last, part)

        def again(name: str) -> bool:
            return self.based.get(name, number) < number

        if entry.program != self.program:
            _must_not_live_again(number, entry, step, again)
        _replay(entry, step, residences, again)
        residences.weigh(step, len(entry.inbox) * script.unit, len(entry.others) * script.unit)
        if self.notes:
            self.notes = unhandled(self.notes, step.others)
        self.notes += [Note(device, news, number) for device, news in entry.notes]
        for name, kept in entry.residences:
            if self.based[name] != number:
                continue
            resident = residences.residents[name]
            resident.move_in(kept)
            residences.written(resident, number, kept)


def _must_live_here(number: int, entry: Entry, step: Step, residences: Residences) -> None:
    for name in [*(n for n, _ in step.others), *(e.to for e in step.inbox), *(n for n, _ in entry.residences)]:
        if name not in residences.residents:
            raise BadInput(
                f"journal: entry {number} keeps {name!r}, who does not live in this host; "
                "expected the agents and the placement that it was written with"
            )


def _must_not_live_again(number: int, entry: Entry, step: Step, again: Callable[[str], bool]) -> None:
    for name in [*(n for n, _ in step.others), *(e.to for e in step.inbox)]:
        if again(name):
            raise BadInput(
                f"journal: {name} would have to live again through entry {number}, which another program wrote "
                f"({entry.program.hex() or 'an older one'}), and might decide otherwise; either start that one and end it "
                "in peace (SIGTERM), or remove the journal: then the site goes on from its ledger"
            )


def _replay(entry: Entry, step: Step, residences: Residences, again: Callable[[str], bool]) -> None:
    """Let agents handle a step's events again; what they led to is in the entry already."""
    residents = residences.residents
    failed = {(name, index): parked for name, index, parked in entry.failed}
    index: dict[str, int] = {}
    events: list[tuple[int, str, Any]] = []
    for name, event in step.others:
        events.append((index.get(name, 0), name, event))
        index[name] = index.get(name, 0) + 1
    events += [(-1 - k, envelope.to, envelope) for k, envelope in enumerate(step.inbox)]
    for number_there, name, event in events:
        if not again(name):
            continue  # its residence comes later in what is kept
        resident = residents[name]
        if isinstance(event, Fired):
            resident.timers.pop(event.timer, None)
        if isinstance(event, Parked):
            resident.put_aside(event)
            continue
        if (name, number_there) in failed:
            resident.put_aside(failed[name, number_there])
            resident.handled, resident.last_at = resident.handled + 1, entry.now
        else:
            resident.replay(event, entry.now)
    _mark(step.inbox, step.outbox, residences)
    for name, timer, at in entry.armed:
        residents[name].set_timer(timer, at)


def _mark(inbox: list[Envelope], outbox: list[Envelope], residences: Residences) -> None:
    for to, sender, lane, sequence, _ in inbox:
        residences.residents[to].seen[sender, lane] = sequence
    for to, sender, lane, sequence, _ in outbox:
        residences.residents[sender].sent[to, lane] = sequence
