"""A host's step log: its rounds and what of them is not settled yet, made durable in the journal before anything is sent."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence
from datetime import datetime
from itertools import islice
from typing import Any

from agents.runtime.envelope import Envelope
from agents.runtime.host.hosted_agent import HostedAgent
from agents.runtime.host.log_entry import BYTES, OBJECTS, LogEntry
from agents.runtime.host.pauses import pauses
from agents.runtime.host.recovery import Recovery
from agents.runtime.host.rounds import Notes, Round, Step
from agents.runtime.host.snapshot_schedule import SnapshotSchedule
from agents.runtime.journal import Journal, JournalAway, JournalEmptied, JournalError, JournalFull
from cim.model.devices import News

_LAST_PAUSES = (0.1, 0.3, 0.0)  # seconds after each try at a graceful shutdown
_CLAIMS = 15  # tries at the start: a server that was restarted as well is awaited


class StepLog:
    """Rounds by number; the newest may be open (cut off by a crash).

    Attributes:
        durable: the journal outlives this process.
        entries: how many were appended.
        trouble: why the journal does not keep what it is given at the moment, or None.
        rewritten: how often an emptied journal was written back.
        recovery: what could not be read back as it was, in sentences.
    """

    def __init__(self, journal: Journal, hosted_agents: Mapping[str, HostedAgent]) -> None:
        self._journal, self._hosted_agents = journal, hosted_agents
        self._script = OBJECTS if journal.objects else BYTES
        self._schedule = SnapshotSchedule(hosted_agents)
        self.durable, self.entries = journal.durable, 0
        self._rounds: dict[int, Round] = {}
        self._settled = 0
        self._notes = Notes()
        self._appending = False
        self._emptied = False  # the journal lost what it had acknowledged, and is to be written anew
        self.open: Round | None = None
        self.last: Round | None = None
        self.trouble: str | None = None
        self.rewritten = 0
        self.recovery: tuple[str, ...] = ()

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
        return tuple(self._rounds.values())

    def own_mail(self) -> list[Envelope]:
        """After `restore`: messages between agents of this host that were sent, but not handled."""
        here = self._hosted_agents
        sent = [e for kept in self.unsettled() for e in kept.outbox if e.to in here]
        return [e for e in sent if here[e.to].accepts(e.sender, e.lane, e.sequence) is not False]

    def noted(self) -> dict[str, tuple[News, ...]]:
        """After `restore`: by device, what it said and nobody has handled."""
        told = self._notes.every()
        return {device: tuple(news for other, news in told if other == device) for device, _ in told}

    # ---- writing -------------------------------------------------------------------------------------------------------

    async def append(self, current: Round, step: Step, done: bool) -> None:
        """Take a step into its round and make it durable; waits as long as the journal is away."""
        current.outbox += step.outbox
        current.published += step.published
        current.effects = step.effects
        if not self.durable:
            return
        self.entries = number = self.entries + 1
        current.entry = current.entry or number
        script, schedule = self._script, self._schedule
        inbox, events = script.batch(step.inbox), self._values(step.events)
        sizes = [(name, script.size(event)) for name, event in events]
        due = schedule.due(schedule.weigh(sizes, step.inbox, script.size(inbox)), number)
        self._notes.handled(step.events)
        notes = self._notes.every(unwritten=True)
        entry = LogEntry(
            current.number, current.now, self._settled, done, current.taken, events, inbox,
            self._values(step.failed), script.batch(step.outbox), self._values(step.effects),
            self._values(step.published), self._values(step.armed), due, self._values(notes),
        )  # fmt: skip
        self._appending = True  # what a device says meanwhile must not come between an entry and its repetition
        try:
            await self._surely(script.entry(entry), current, done)
        finally:
            self._appending = False
        if notes:
            self._notes.written(number, notes)
        self._append_notes(current.now)

    def _values(self, rows: Sequence[tuple[Any, ...]]) -> tuple[Any, ...]:
        """The rows with what stands last in each written."""
        value = self._script.value
        return tuple([(*row[:-1], value(row[-1])) for row in rows]) if rows else ()

    def note(self, device: str, news: News, now: datetime) -> None:
        """Keep what a device said by itself, once; with the journal away it waits for the next entry."""
        if self.durable and self._notes.add(device, news) and not self._appending:
            self._append_notes(now)

    def _append_notes(self, now: datetime) -> None:
        notes = self._notes.every(unwritten=True)
        if not notes:
            return
        last = 0 if self.last is None else self.last.number
        number = last if self.open is None else self.open.number
        entry = LogEntry(number, now, self._settled, self.open is None, notes=self._values(notes))
        try:
            self._journal.append(self.entries + 1, self._script.entry(entry), self._keep_from())
        except JournalError as error:
            self.trouble = str(error)
            return
        self.entries += 1
        self._notes.written(self.entries, notes)

    def _keep_from(self) -> int:
        """The oldest entry that is still needed."""
        oldest = self._schedule.oldest
        if self.last is not None and 0 < self.last.entry < oldest:
            oldest = self.last.entry
        first = next((kept.entry for kept in self._rounds.values() if kept.entry), oldest)  # they stand in their order
        oldest = min(oldest, first)
        return self._notes.oldest(oldest)

    async def _surely(self, data: bytes, current: Round, done: bool) -> None:
        waits = pauses()
        while True:
            try:
                if not self._emptied:
                    self._journal.append(self.entries, data, self._keep_from())
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
            await asyncio.sleep(next(waits))

    def _rewrite(self, current: Round, done: bool) -> None:
        """Put one entry in the place of the whole journal."""
        outbox = [envelope for kept in self.unsettled() for envelope in kept.outbox]
        entry = LogEntry(
            current.number, current.now, self._settled, done, current.taken,
            outbox=self._script.batch(outbox),
            effects=self._values(current.effects),
            published=self._values(current.published),
            snapshots=self._schedule.everybody(self.entries),
            notes=self._values(self._notes.every()),
        )  # fmt: skip
        self._journal.rewrite(self.entries, self._script.entry(entry))
        for kept in self._rounds.values():
            kept.entry = self.entries
        self._notes.written(self.entries, self._notes.every())
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
        self.entries, self._settled = past.number, past.settled
        self._rounds, self._notes, self.open, self.last = past.rounds, past.notes, past.open, past.last
        self.recovery = tuple(past.sentences)

    async def _claim(self) -> tuple[tuple[int, bytes], ...]:
        for pause in (*islice(pauses(), _CLAIMS - 1), None):
            try:
                return self._journal.claim()
            except JournalEmptied as error:
                self.trouble, self._emptied = str(error), True
                break
            except (JournalAway, JournalFull):
                if pause is None:
                    raise
                await asyncio.sleep(pause)
        return ()

    def close(self) -> str | None:
        """Everybody's snapshot into the journal, and let go of it; returns why not, where it cannot be done.

        So after a graceful shutdown nothing has to be handled again: the next start is quick, and of another program, too,
        exact.
        """
        trouble = None
        for pause in _LAST_PAUSES:
            try:
                self._append_snapshots()
            except JournalError as error:
                trouble = str(error)
                time.sleep(pause)
            else:
                trouble = None
                break
        self._journal.close()
        return trouble

    def _append_snapshots(self) -> None:
        """Of all that have changed, where no round was cut off. Who has none yet has not begun."""
        last = self.last
        changed = [agent for agent in self._hosted_agents.values() if not agent.begins and agent.since_bytes]
        if not changed or last is None or self.open is not None:
            return
        number, snapshots = self.entries + 1, tuple((agent.name, agent.snapshot()) for agent in changed)
        entry = LogEntry(last.number, last.now, self._settled, True, last.taken, snapshots=snapshots)
        try:
            self._journal.append(number, self._script.entry(entry), self._keep_from())
        except JournalEmptied:
            self.entries = number
            self._rewrite(last, done=True)
