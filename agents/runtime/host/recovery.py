"""A journal read back: everybody as it says, the rounds that are not settled yet, and what could not be read.

Roles handle again what they handled then. The program may be another one by now: what the log says was sent and armed
counts, whatever today's roles would do; an event at which they fail is put aside; who has no state that can be read
begins from the ledger. All this is said in sentences.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from agents.roles.effects import Send
from agents.roles.events import Fired
from agents.runtime.envelope import Envelope
from agents.runtime.host.hosted_agent import AgentEvent, FailedEvent, HostedAgent
from agents.runtime.host.log_entry import LogEntry, Script, Written
from agents.runtime.host.rounds import Notes, Round
from agents.runtime.host.snapshot_schedule import SnapshotSchedule
from cim.codec.codec import encode
from cim.model.errors import BadInput

_GONE = object()  # stands for what cannot be read


class _Step(NamedTuple):
    """An entry with what it says read; None stands for an event or a message that cannot be read."""

    number: int
    entry: LogEntry
    events: list[tuple[str, AgentEvent | None]]
    inbox: list[Envelope]
    outbox: list[Envelope]


class Recovery:
    """What a journal says of its host's rounds, as far as it has been read.

    Args:
        script: in which the entries are written.
        schedule: of the agents, which become what the journal says.

    Attributes:
        rounds: whose messages may not have reached their receivers, by number.
        settled: what was sent up to this round is with its receivers.
        last, open: the last round that was ended, and the one that was cut off.
        number: of the last entry.
        sentences: what could not be read or would be decided otherwise today.
    """

    def __init__(self, script: Script, schedule: SnapshotSchedule) -> None:
        self._script, self._schedule = script, schedule
        self._agents: Mapping[str, HostedAgent] = schedule.hosted_agents
        self._snapshot_at: dict[str, int] = {}  # agent -> entry with its last snapshot: all before that is in it
        self._differs: dict[str, list[int]] = {}  # agent -> entries in which today's role would send something else
        self.rounds: dict[int, Round] = {}
        self.settled = 0
        self.notes = Notes()
        self.open: Round | None = None
        self.last: Round | None = None
        self.number = 0
        self.sentences: list[str] = []

    def read(self, kept: Iterable[tuple[int, Written]]) -> None:
        """Everything that a journal keeps, oldest first.

        Raises:
            BadInput: it keeps agents that do not live here.
        """
        entries: list[tuple[int, LogEntry]] = []
        for number, data in kept:
            self.number = number
            try:
                entries.append((number, self._script.read_entry(data)))
            except BadInput as error:
                self.sentences.append(f"journal entry {number} cannot be read ({error})")
                entries.clear()  # what comes after a gap cannot stand on what comes before it
                for agent in self._agents.values():
                    agent.lost = "an entry of the journal cannot be read"
        self._snapshot_at = {name: number for number, entry in entries for name, _ in entry.snapshots}
        for number, entry in entries:
            self._entry(number, entry)
        self._mend_channels()
        for agent in self._agents.values():
            if agent.lost:  # its peers must not take its messages for old ones
                agent.first_round = self._next_round() or agent.first_round
        for name, numbers in self._differs.items():
            where = f"{numbers[0]}" if len(numbers) == 1 else f"{numbers[0]} to {numbers[-1]}"
            self.sentences.append(f"{name} would send something else today than in entry {where}; what was sent counts")
        self.sentences += [f"{a.name} begins from the ledger: {a.lost}" for a in self._agents.values() if a.lost]

    def _entry(self, number: int, entry: LogEntry) -> None:
        script = self._script
        current = self.rounds.get(entry.round)
        if current is None:
            current = self.rounds[entry.round] = Round(entry.round, entry.now, entry=number)
        self.settled = max(self.settled, entry.settled)
        for old in [n for n in self.rounds if n <= self.settled]:
            del self.rounds[old]
        step = _Step(
            number,
            entry,
            [(name, self._value(number, event)) for name, event in entry.events],
            self._batch(number, entry.inbox),
            self._batch(number, entry.outbox),
        )
        self._must_live_here(step)
        if entry.events or step.inbox or entry.snapshots:
            current.outbox += step.outbox
            current.handled += len(step.inbox)
            current.published += self._readable(number, entry.published)
            current.effects = self._readable(number, entry.effects)
            current.taken = entry.taken or current.taken
            self.last, self.open = (current, None) if entry.done else (self.last, current)
        self._replay(step)
        self._mark(step)
        sizes = [(name, script.size(event)) for name, event in entry.events]
        self._schedule.weigh(sizes, step.inbox, script.size(entry.inbox))
        self.notes.handled(step.events)
        for device, news in self._readable(number, entry.notes):
            self.notes.add(device, news, number)
        for name, snapshot in entry.snapshots:
            if self._snapshot_at[name] == number:
                self._restore(number, self._agents[name], snapshot)

    def _restore(self, number: int, agent: HostedAgent, snapshot: bytes) -> None:
        try:
            agent.restore(snapshot)
        except BadInput as error:
            agent.lost = f"its state in entry {number} cannot be read ({error})"
        else:
            agent.lost = None
            self._schedule.written(agent, number, len(snapshot))

    # ---- what may be unreadable ----------------------------------------------------------------------------------------

    def _readable(self, number: int, rows: Iterable[tuple[Any, ...]]) -> list[Any]:
        """The rows with what stands last in each read; without those of which it cannot be read."""
        return [(*row[:-1], value) for row in rows if (value := self._value(number, row[-1], _GONE)) is not _GONE]

    def _value(self, number: int, written: Written, instead: object = None) -> Any:
        """The value; `instead` where its type is gone, or takes other fields."""
        try:
            return self._script.read_value(written)
        except BadInput as error:
            self.sentences.append(f"a part of journal entry {number} cannot be read ({error})")
            return instead

    def _batch(self, number: int, written: Written) -> list[Envelope]:
        """The messages; where they cannot be read, envelopes with None in them."""
        try:
            return self._script.read_batch(written)
        except BadInput as error:
            self.sentences.append(f"the messages of journal entry {number} cannot be read ({error})")
            return [Envelope(*address, None) for address in self._script.read_addresses(written)]

    def _must_live_here(self, step: _Step) -> None:
        snapshots = step.entry.snapshots
        for name in [*(n for n, _ in step.events), *(e.to for e in step.inbox), *(n for n, _ in snapshots)]:
            if name not in self._agents:
                raise BadInput(
                    f"journal: entry {step.number} keeps {name!r}, who does not live in this host; "
                    "expected the agents and the placement that it was written with"
                )

    def _mend_channels(self) -> None:
        """Nobody may wait for messages that cannot be sent again."""
        for kept in self.rounds.values():
            lost = [envelope for envelope in kept.outbox if envelope.message is None]
            if lost:
                kept.outbox = [envelope for envelope in kept.outbox if envelope.message is not None]
                pairs = sorted({f"{envelope.sender} to {envelope.to}" for envelope in lost})
                self.sentences.append(f"{len(lost)} messages of round {kept.number} are lost: {', '.join(pairs)}")
            for to, sender, lane, _, _ in lost:
                self._agents[sender].sent[to, lane] = self._next_round() << 24

    def _next_round(self) -> int:
        newest = self.open or self.last
        return 0 if newest is None else newest.number + 1

    # ---- handling again ------------------------------------------------------------------------------------------------

    def _replay(self, step: _Step) -> None:
        """Let agents handle a step's events again; what they led to is in the entry already."""
        number, entry = step.number, step.entry
        failed = {(name, k): self._value(number, what) or _unreadable(name, entry) for name, k, what in entry.failed}
        sent: dict[str, list[tuple[str, object]]] = {}
        for index, name, event in _in_order(step):
            agent = self._agents[name]
            if not self._again(agent, number):
                continue
            known = event if isinstance(event, FailedEvent) else failed.get((name, index))
            if isinstance(event, Fired):
                agent.timers.pop(event.timer, None)
            if known is None and isinstance(event, Envelope) and event.message is None:
                known = _unreadable(name, entry)
            if known is not None or event is None or isinstance(event, FailedEvent):
                agent.put_aside(known or _unreadable(name, entry))
                if not isinstance(event, FailedEvent):
                    agent.handled, agent.last_at = agent.handled + 1, entry.now
                continue
            now = entry.now
            effects = agent.take(event, now) if isinstance(event, Envelope) else agent.handle(event, now)
            if effects is None:
                self.sentences.append(f"{name} failed at an event of entry {number} ({agent.failed_events[-1].error})")
            elif sends := [(effect.to, effect.message) for effect in effects if isinstance(effect, Send)]:
                sent.setdefault(name, []).extend(sends)
        self._compare(step, sent)

    def _again(self, agent: HostedAgent, number: int) -> bool:
        """Whether an agent must handle entry `number` again: no later snapshot has it, and its state could be read."""
        return agent.lost is None and self._snapshot_at.get(agent.name, number) < number

    def _compare(self, step: _Step, sent: dict[str, list[tuple[str, object]]]) -> None:
        then: dict[str, list[tuple[str, object]]] = {}
        for envelope in step.outbox:
            if envelope.message is None:
                return
            if self._again(self._agents[envelope.sender], step.number):
                then.setdefault(envelope.sender, []).append((envelope.to, envelope.message))
        for name in sent.keys() | then.keys():
            if encode(tuple(sent.get(name, ()))) != encode(tuple(then.get(name, ()))):
                self._differs.setdefault(name, []).append(step.number)

    def _mark(self, step: _Step) -> None:
        for to, sender, lane, sequence, _ in step.inbox:
            self._agents[to].seen[sender, lane] = sequence
        for to, sender, lane, sequence, _ in step.outbox:
            self._agents[sender].sent[to, lane] = sequence
        for name, at, timer in self._readable(step.number, step.entry.armed):
            agent = self._agents[name]
            agent.timers.pop(timer, None)
            if at is not None and agent.lost is None:
                agent.timers[timer] = at


def _unreadable(name: str, entry: LogEntry) -> FailedEvent:
    return FailedEvent(name, entry.now, None, "what it was cannot be read any more")


def _in_order(step: _Step) -> Iterator[tuple[int, str, AgentEvent | Envelope | None]]:
    """(index as `LogEntry.failed` counts, agent, event), as they were handled."""
    index: Counter[str] = Counter()
    for name, event in step.events:
        yield index[name], name, event
        index[name] += 1
    for k, envelope in enumerate(step.inbox):
        yield -1 - k, envelope.to, envelope
