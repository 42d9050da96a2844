"""A host's step_log: its rounds and what of them is not settled yet, made durable in the journal before anything is sent."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from datetime import datetime

from agents.runtime.envelope import Envelope
from agents.runtime.host.code_version import program
from agents.runtime.host.hosted_agent import HostedAgent
from agents.runtime.host.log_entry import BYTES, OBJECTS, LogEntry
from agents.runtime.host.recovery import JournalReading
from agents.runtime.host.rounds import Note, Round, Step, unhandled
from agents.runtime.host.snapshot_schedule import SnapshotSchedule
from agents.runtime.journal import Journal, JournalAway, JournalEmptied, JournalError, JournalFull
from cim.model.devices import News

_PAUSES = (0.05, 2.0)  # seconds between tries while the journal is away: first, longest
_LAST_PAUSES = (0.1, 0.3, 0.0)  # seconds after each try at an end in peace
_PART_BYTES = 8_000_000  # of agent_snapshots in one of its entries
_CLAIMS = 15  # tries at the start: a server that was restarted as well is awaited, one that is not there is said so


class StepLog:
    """Rounds by number; the newest may be open (cut off by a crash)."""

    def __init__(self, journal: Journal, hosted_agents: Mapping[str, HostedAgent]) -> None:
        self._journal, self._hosted_agents = journal, hosted_agents
        self._script = OBJECTS if journal.objects else BYTES
        self._program = program() if journal.durable else b""
        self._agent_snapshots = SnapshotSchedule(hosted_agents)
        self._number = 0
        self._rounds: dict[int, Round] = {}
        self._settled = 0
        self._notes: list[Note] = []
        self._appending = False
        self._emptied = False  # the journal lost what it had acknowledged, and is to be written anew
        self.open: Round | None = None
        self.last: Round | None = None
        self.trouble: str | None = None
        self.rewritten = 0

    @property
    def durable(self) -> bool:
        """Whether the journal outlives this process."""
        return self._journal.durable

    @property
    def entries(self) -> int:
        """How many entries were appended."""
        return self._number

    def begin(self, part: Round, settled: int) -> None:
        """A round begins; what was sent up to round `settled` is with its receivers."""
        self._settled = max(self._settled, settled)
        rounds = self._rounds
        while rounds and (first := next(iter(rounds))) <= self._settled:  # they stand in their order
            del rounds[first]
        rounds[part.number] = part
        self.open = part

    def end(self, part: Round) -> None:
        """A round has led to all it will lead to."""
        part.effect_runner = []
        self.last, self.open = part, None

    def unsettled(self) -> tuple[Round, ...]:
        """The rounds whose messages may not have reached their receivers, oldest first."""
        return tuple(self._rounds[number] for number in sorted(self._rounds))

    def own_mail(self) -> list[Envelope]:
        """After `restore`: messages between agents of this host that were sent, but not handled."""
        found = []
        for part in self.unsettled():
            for envelope in part.outbox:
                hosted_agent = self._hosted_agents.get(envelope.to)
                if hosted_agent is not None and hosted_agent.accepts(*envelope[1:4]) is not False:
                    found.append(envelope)
        return found

    def noted(self) -> dict[str, tuple[News, ...]]:
        """After `restore`: by device, what it said and nobody has handled."""
        found: dict[str, tuple[News, ...]] = {}
        for note in self._notes:
            found[note.device] = (*found.get(note.device, ()), note.news)
        return found

    # ---- writing -------------------------------------------------------------------------------------------------------

    async def append(self, part: Round, step: Step, done: bool) -> None:
        """Take a step into its round and make it durable; waits as long as the journal is away."""
        part.outbox += step.outbox
        part.published += step.published
        part.effect_runner = step.effect_runner
        if not self._journal.durable:
            return
        self._number = number = self._number + 1
        part.entry = part.entry or number
        script, agent_snapshots = self._script, self._agent_snapshots
        inbox, others = script.encode_batch(step.inbox), script.encode(tuple(step.others))
        due = agent_snapshots.due(
            agent_snapshots.weigh(step, len(inbox) * script.unit, len(others) * script.unit), number
        )
        notes: list[Note] = []
        if self._notes:
            self._notes = unhandled(self._notes, step.others)
            notes = [note for note in self._notes if not note.entry]
        entry = LogEntry(
            part.number, part.now, self._settled, done, inbox, others, tuple(step.failed), due,
            script.encode_batch(step.outbox), tuple(step.effect_runner), tuple(step.published), tuple(step.armed), part.taken,
            tuple((note.device, note.news) for note in notes) if notes else (), self._program,
        )  # fmt: skip
        self._appending = True  # what a device says meanwhile must not come between an entry and its repetition
        try:
            await self._surely(script.encode(entry), part, done)
        finally:
            self._appending = False
        for note in notes:
            note.entry = number
        if self._notes:
            self._append_notes(part.now)

    def note(self, device: str, news: News, now: datetime) -> None:
        """Keep what a device said by itself, once; with the journal away it waits for the next entry."""
        if not self._journal.durable or any((n.device, n.news) == (device, news) for n in self._notes):
            return
        self._notes.append(Note(device, news))
        if not self._appending:
            self._append_notes(now)

    def _append_notes(self, now: datetime) -> None:
        notes = [note for note in self._notes if not note.entry]
        if not notes:
            return
        last = 0 if self.last is None else self.last.number
        part = last if self.open is None else self.open.number
        nothing = (b"", b"", (), (), b"", (), (), (), ())
        told = tuple((note.device, note.news) for note in notes)
        entry = LogEntry(part, now, self._settled, self.open is None, *nothing, notes=told)
        try:
            self._journal.append(self._number + 1, self._script.encode(entry), self._keep_from())
        except JournalError as error:
            self.trouble = str(error)
            return
        self._number += 1
        for note in notes:
            note.entry = self._number

    def _keep_from(self) -> int:
        """The oldest entry that is still needed."""
        oldest = self._agent_snapshots.oldest
        last = self.last
        if last is not None and 0 < last.entry < oldest:
            oldest = last.entry
        for part in self._rounds.values():  # they stand in the order of their entries
            if part.entry:
                oldest = min(oldest, part.entry)
                break
        for note in self._notes:
            if 0 < note.entry < oldest:
                oldest = note.entry
        return oldest

    async def _surely(self, data: bytes, part: Round, done: bool) -> None:
        pause, longest = _PAUSES
        while True:
            try:
                if not self._emptied:
                    self._journal.append(self._number, data, self._keep_from())
                else:
                    self._journal.rewrite(self._number, self._everything(part, done))
                    self._emptied = False
                    self.rewritten += 1
            except JournalEmptied as error:
                self.trouble, self._emptied = str(error), True
                continue
            except (JournalAway, JournalFull) as error:
                self.trouble = str(error)
            else:
                self.trouble = None
                return
            await asyncio.sleep(pause)
            pause = min(2 * pause, longest)

    def _everything(self, part: Round, done: bool) -> bytes:
        """One entry that stands for the whole journal."""
        outbox = [envelope for kept in self.unsettled() for envelope in kept.outbox]
        for kept in self._rounds.values():
            kept.entry = self._number
        agent_snapshots = self._agent_snapshots.everybody(self._number)
        notes = tuple((note.device, note.news) for note in self._notes)
        for note in self._notes:
            note.entry = self._number
        entry = LogEntry(
            part.number, part.now, self._settled, done, b"", b"", (), agent_snapshots, self._script.encode_batch(outbox),
            tuple(part.effect_runner), tuple(part.published), (), part.taken, notes,
        )  # fmt: skip
        data: bytes = self._script.encode(entry)
        return data

    # ---- reading back --------------------------------------------------------------------------------------------------

    async def restore(self) -> None:
        """Become the journal's writer, and make everybody as the journal says.

        Where the journal lost what it had acknowledged, everybody begins anew, and `trouble` says so.

        Raises:
            JournalAway, JournalFull: even after some tries.
            BadInput: it keeps agents that do not live here, or events that another program lived through.
        """
        entries: list[tuple[int, LogEntry]] = [
            (number, self._script.decode(data)) for number, data in await self._claim()
        ]
        based = {name: number for number, entry in entries for name, _ in entry.agent_snapshots}
        past = JournalReading(self._program, based)
        for number, entry in entries:
            past.read(number, entry, self._script, self._agent_snapshots)
        self._number, self._settled = past.number, past.settled
        self._rounds, self._notes, self.open, self.last = past.rounds, past.notes, past.open, past.last

    async def _claim(self) -> tuple[tuple[int, bytes], ...]:
        pause, longest = _PAUSES
        for tries in range(1, _CLAIMS + 1):
            try:
                return self._journal.claim()
            except JournalEmptied as error:
                self.trouble, self._emptied = str(error), True
                break
            except (JournalAway, JournalFull):
                if tries == _CLAIMS:
                    raise
            await asyncio.sleep(pause)
            pause = min(2 * pause, longest)
        return ()

    def close(self) -> str | None:
        """Everybody's agent_snapshot into the journal, and let go of it; returns why not, where it cannot be done.

        So after an end in peace nothing has to be lived through again: the next start is quick, and may be another
        program's.
        """
        trouble = None
        if self._journal.durable and self.last is not None and self.open is None:
            for pause in _LAST_PAUSES:
                try:
                    self._rest(self.last)
                except JournalError as error:
                    trouble = str(error)
                    time.sleep(pause)
                else:
                    trouble = None
                    break
        self._journal.close()
        return trouble

    def _rest(self, last: Round) -> None:
        """SnapshotSchedule of all that have changed, in entries of moderate size. Who has no agent_snapshot yet has not begun."""
        grown = [r for r in self._hosted_agents.values() if r.residence_at and r.since_bytes]
        while grown:
            number, size = self._number + 1, 0
            due: list[tuple[str, bytes]] = []
            while grown and size < _PART_BYTES:
                hosted_agent = grown.pop()
                due.append((hosted_agent.name, hosted_agent.agent_snapshot()))
                size += len(due[-1][1])
            nothing = (b"", b"", (), tuple(due), b"", (), (), (), last.taken, ())
            entry = LogEntry(last.number, last.now, self._settled, True, *nothing, self._program)
            try:
                self._journal.append(number, self._script.encode(entry), self._keep_from())
            except JournalEmptied:
                self._number = number
                self._journal.rewrite(number, self._everything(last, done=True))
                return
            self._number = number
            for name, data in due:
                self._agent_snapshots.written(self._hosted_agents[name], number, data)
