"""A host's step log: its rounds and what of them is not settled yet, made durable in the journal before anything is sent."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from agents.runtime.envelope import Envelope
from agents.runtime.host.hosted_agent import HostedAgent
from agents.runtime.host.log_entry import BYTES, OBJECTS, LogEntry
from agents.runtime.host.recovery import Recovery
from agents.runtime.host.rounds import Note, Round, Step, unhandled
from agents.runtime.host.snapshot_schedule import SnapshotSchedule
from agents.runtime.journal import Journal, JournalAway, JournalEmptied, JournalError, JournalFull
from cim.model.devices import News

_PAUSES = (0.05, 2.0)  # seconds between tries while the journal is away: first, longest
_LAST_PAUSES = (0.1, 0.3, 0.0)  # seconds after each try at a graceful shutdown
_CLAIMS = 15  # tries at the start: a server that was restarted as well is awaited, one that is not there is said so


class StepLog:
    """Rounds by number; the newest may be open (cut off by a crash).

    Attributes:
        trouble: why the journal does not keep what it is given at the moment, or None.
        rewritten: how often an emptied journal was written back.
        recovery: what could not be read back as it was, in sentences.
    """

    def __init__(self, journal: Journal, hosted_agents: Mapping[str, HostedAgent]) -> None:
        self._journal, self._hosted_agents = journal, hosted_agents
        self._script = OBJECTS if journal.objects else BYTES
        self._schedule = SnapshotSchedule(hosted_agents)
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
        self.recovery: tuple[str, ...] = ()

    @property
    def durable(self) -> bool:
        """Whether the journal outlives this process."""
        return self._journal.durable

    @property
    def entries(self) -> int:
        """How many entries were appended."""
        return self._number

    def begin(self, current: Round, settled: int) -> None:
        """A round begins; what was sent up to round `settled` is with its receivers."""
        self._settled = max(self._settled, settled)
        rounds = self._rounds
        while rounds and (first := next(iter(rounds))) <= self._settled:  # they stand in their order
            del rounds[first]
        rounds[current.number] = current
        self.open = current

    def end(self, current: Round) -> None:
        """A round has led to all it will lead to."""
        current.effects = []
        self.last, self.open = current, None

    def unsettled(self) -> tuple[Round, ...]:
        """The rounds whose messages may not have reached their receivers, oldest first."""
        return tuple(self._rounds[number] for number in sorted(self._rounds))

    def own_mail(self) -> list[Envelope]:
        """After `restore`: messages between agents of this host that were sent, but not handled."""
        found = []
        for kept in self.unsettled():
            for envelope in kept.outbox:
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

    async def append(self, current: Round, step: Step, done: bool) -> None:
        """Take a step into its round and make it durable; waits as long as the journal is away."""
        current.outbox += step.outbox
        current.published += step.published
        current.effects = step.effects
        if not self._journal.durable:
            return
        self._number = number = self._number + 1
        current.entry = current.entry or number
        script, schedule = self._script, self._schedule
        value, inbox = script.value, script.batch(step.inbox)
        events = tuple([(name, value(event)) for name, event in step.events])
        sizes = [(name, script.size(event)) for name, event in events]
        due = schedule.due(schedule.weigh(sizes, step.inbox, script.size(inbox)), number)
        notes: list[Note] = []
        if self._notes:
            self._notes = unhandled(self._notes, step.events)
            notes = [note for note in self._notes if not note.entry]
        entry = LogEntry(
            current.number, current.now, self._settled, done, current.taken, events, inbox,
            tuple([(name, index, value(failed)) for name, index, failed in step.failed]),
            script.batch(step.outbox),
            tuple([(name, value(effect)) for name, effect in step.effects]),
            tuple([(name, value(what)) for name, what in step.published]),
            tuple([(name, at, value(timer)) for name, timer, at in step.armed]),
            due, self._written(notes),
        )  # fmt: skip
        self._appending = True  # what a device says meanwhile must not come between an entry and its repetition
        try:
            await self._surely(script.entry(entry), current, done)
        finally:
            self._appending = False
        for note in notes:
            note.entry = number
        if self._notes:
            self._append_notes(current.now)

    def _written(self, notes: list[Note]) -> tuple[tuple[str, Any], ...]:
        return tuple([(note.device, self._script.value(note.news)) for note in notes])

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
        number = last if self.open is None else self.open.number
        entry = LogEntry(number, now, self._settled, self.open is None, notes=self._written(notes))
        try:
            self._journal.append(self._number + 1, self._script.entry(entry), self._keep_from())
        except JournalError as error:
            self.trouble = str(error)
            return
        self._number += 1
        for note in notes:
            note.entry = self._number

    def _keep_from(self) -> int:
        """The oldest entry that is still needed."""
        oldest = self._schedule.oldest
        last = self.last
        if last is not None and 0 < last.entry < oldest:
            oldest = last.entry
        for kept in self._rounds.values():  # they stand in the order of their entries
            if kept.entry:
                oldest = min(oldest, kept.entry)
                break
        for note in self._notes:
            if 0 < note.entry < oldest:
                oldest = note.entry
        return oldest

    async def _surely(self, data: bytes, current: Round, done: bool) -> None:
        pause, longest = _PAUSES
        while True:
            try:
                if not self._emptied:
                    self._journal.append(self._number, data, self._keep_from())
                else:
                    self._rewrite(current, done)
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

    def _rewrite(self, current: Round, done: bool) -> None:
        """Put one entry in the place of the whole journal."""
        outbox = [envelope for kept in self.unsettled() for envelope in kept.outbox]
        value = self._script.value
        entry = LogEntry(
            current.number, current.now, self._settled, done, current.taken,
            outbox=self._script.batch(outbox),
            effects=tuple([(name, value(effect)) for name, effect in current.effects]),
            published=tuple([(name, value(what)) for name, what in current.published]),
            snapshots=self._schedule.everybody(self._number),
            notes=self._written(self._notes),
        )  # fmt: skip
        self._journal.rewrite(self._number, self._script.entry(entry))
        for kept in self._rounds.values():
            kept.entry = self._number
        for note in self._notes:
            note.entry = self._number
        self._emptied = False
        self.rewritten += 1

    # ---- reading back --------------------------------------------------------------------------------------------------

    async def restore(self) -> None:
        """Become the journal's writer, and make everybody as the journal says.

        Where the journal lost what it had acknowledged, everybody begins anew, and `trouble` says so.

        Raises:
            JournalAway, JournalFull: even after some tries.
            BadInput: it keeps agents that do not live here.
        """
        past = Recovery(self._script, self._schedule)
        past.read(await self._claim())
        self._number, self._settled = past.number, past.settled
        self._rounds, self._notes, self.open, self.last = past.rounds, past.notes, past.open, past.last
        self.recovery = tuple(past.sentences)

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
        """Everybody's snapshot into the journal, and let go of it; returns why not, where it cannot be done.

        So after a graceful shutdown nothing has to be handled again: the next start is quick, and of another program, too,
        exact.
        """
        trouble = None
        if self._journal.durable and self.last is not None and self.open is None:
            for pause in _LAST_PAUSES:
                try:
                    self._append_snapshots(self.last)
                except JournalError as error:
                    trouble = str(error)
                    time.sleep(pause)
                else:
                    trouble = None
                    break
        self._journal.close()
        return trouble

    def _append_snapshots(self, last: Round) -> None:
        """Of all that have changed. Who has none yet has not begun."""
        changed = [agent for agent in self._hosted_agents.values() if not agent.begins and agent.since_bytes]
        if not changed:
            return
        number, snapshots = self._number + 1, tuple((agent.name, agent.snapshot()) for agent in changed)
        entry = LogEntry(last.number, last.now, self._settled, True, last.taken, snapshots=snapshots)
        try:
            self._journal.append(number, self._script.entry(entry), self._keep_from())
        except JournalEmptied:
            self._number = number
            self._rewrite(last, done=True)
