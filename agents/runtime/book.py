"""A host's book: its rounds and what of them is not settled yet, kept in the journal and read back after a crash."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from agents.roles.contract import Fired, Measured
from agents.runtime.entry import Entry
from agents.runtime.envelope import Envelope, Published
from agents.runtime.hands import Hand
from agents.runtime.journal import Journal, JournalAway, JournalEmptied, JournalError, JournalFull
from agents.runtime.resident import Occasion, Parked, Resident
from cim.model.batches import decode_batch, encode_batch
from cim.model.codec import decode, encode
from cim.model.errors import BadInput
from devices.port import News

_WINDOW = 4096  # entries after which an agent's residence is written again, so that the journal stays short
_SWEPT = 8  # of those, at most so many in one entry
_SMALL = 4096  # bytes of events worth keeping before a residence is
_USUAL = 120  # bytes that an event comes to, where none are made
_PAUSES = (0.05, 2.0)  # seconds between tries while the journal is away: first, longest
_CLAIMS = 15  # tries at the start: a server that was restarted as well is awaited, one that is not there is said so


@dataclass(slots=True)
class Step:
    """One step of a round: what was handled and what it led to."""

    others: Sequence[tuple[str, Occasion]]
    inbox: list[Envelope]
    outbox: list[Envelope] = field(default_factory=list)
    hands: list[Hand] = field(default_factory=list)
    published: list[Published] = field(default_factory=list)
    armed: list[tuple[str, str, datetime | None]] = field(default_factory=list)
    failed: list[tuple[str, int, Parked]] = field(default_factory=list)


@dataclass
class _Note:
    """What a device said by itself and no agent has handled yet; `entry`: of the journal, 0 as long as it is in none."""

    device: str
    news: News
    entry: int = 0


@dataclass(slots=True)
class Round:
    """A round of this host, as far as it is."""

    number: int
    now: datetime
    outbox: list[Envelope] = field(default_factory=list)
    published: list[Published] = field(default_factory=list)
    hands: list[Hand] = field(default_factory=list)
    taken: tuple[tuple[str, int], ...] = ()
    handled: int = 0
    entry: int = 0  # number of its first journal entry


class Book:
    """Rounds by number; the newest may be open (cut off by a crash)."""

    def __init__(self, journal: Journal, residents: Mapping[str, Resident]) -> None:
        self._journal, self._residents = journal, residents
        # A journal in this very process can keep what is said as it is: it is never changed once said.
        objects = getattr(journal, "objects", False)
        self._encode: Callable[[Any], Any] = _same if objects else encode
        self._decode: Callable[[Any], Any] = _same if objects else decode
        self._encode_batch: Callable[[Any], Any] = tuple if objects else encode_batch
        self._decode_batch: Callable[[Any], Any] = list if objects else _envelopes
        self._unit = _USUAL if objects else 1
        self._number = 0
        self._rounds: dict[int, Round] = {}
        self._settled = 0
        self._ages: OrderedDict[str, None] = OrderedDict()  # agents by the age of their last residence
        self._notes: list[_Note] = []
        self._appending = False
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
        part.hands = []
        self.last, self.open = part, None

    def unsettled(self) -> tuple[Round, ...]:
        """The rounds whose messages may not have reached their receivers, oldest first."""
        return tuple(self._rounds[number] for number in sorted(self._rounds))

    def own_mail(self) -> list[Envelope]:
        """After `restore`: messages between agents of this host that were sent, but not handled."""
        found = []
        for part in self.unsettled():
            for envelope in part.outbox:
                resident = self._residents.get(envelope.to)
                if resident is not None and resident.accepts(*envelope[1:4]) is not False:
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
        part.hands = step.hands
        if not self._journal.durable:
            return
        self._number += 1
        part.entry = part.entry or self._number
        inbox, others = self._encode_batch(step.inbox), self._encode(tuple(step.others))
        touched = self._weigh(step, len(inbox), len(others))
        residences = self._residences(touched)
        self._forget(step)
        notes = [note for note in self._notes if not note.entry] if self._notes else []
        entry = Entry(
            part.number, part.now, self._settled, done, inbox, others, tuple(step.failed), residences,
            self._encode_batch(step.outbox), tuple(step.hands), tuple(step.published), tuple(step.armed), part.taken,
            tuple((note.device, note.news) for note in notes),
        )  # fmt: skip
        self._appending = True  # what a device says meanwhile must not come between an entry and its repetition
        try:
            await self._surely(self._encode(entry), part, done)
        finally:
            self._appending = False
        for note in notes:
            note.entry = self._number
        if self._notes:
            self._append_notes(part.now)

    def note(self, device: str, news: News, now: datetime) -> None:
        """Keep what a device said by itself, once; with the journal away it waits for the next entry."""
        if not self._journal.durable or any((n.device, n.news) == (device, news) for n in self._notes):
            return
        self._notes.append(_Note(device, news))
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
        entry = Entry(part, now, self._settled, self.open is None, *nothing, notes=told)
        try:
            self._journal.append(self._number + 1, self._encode(entry), self._keep_from())
        except JournalError as error:
            self.trouble = str(error)
            return
        self._number += 1
        for note in notes:
            note.entry = self._number

    def _weigh(self, step: Step, inbox: int, others: int) -> Iterable[Resident]:
        """Book on each agent what the journal keeps of it; returns those touched."""
        touched: dict[str, Resident] = {}
        each = others * self._unit // max(len(step.others), 1)
        for name, _ in step.others:
            touched[name] = resident = self._residents[name]
            resident.since_bytes += each
        each = inbox * self._unit // max(len(step.inbox), 1)
        for envelope in step.inbox:
            touched[envelope[0]] = resident = self._residents[envelope[0]]
            resident.since_bytes += each
        return touched.values()

    def _residences(self, touched: Iterable[Resident]) -> tuple[tuple[str, bytes], ...]:
        due = [
            resident
            for resident in touched
            if not resident.residence_at
            or (resident.since_bytes > _SMALL and resident.since_bytes > resident.residence_bytes)
        ]
        if not due and (
            not self._ages or self._number - self._residents[next(iter(self._ages))].residence_at < _WINDOW
        ):
            return ()
        names = {resident.name for resident in due}
        for name in self._ages:
            old = self._residents[name]
            if len(due) >= len(names) + _SWEPT or self._number - old.residence_at < _WINDOW:
                break
            if name not in names:
                due.append(old)
        return tuple((resident.name, self._reside(resident, self._number)) for resident in due)

    def _reside(self, resident: Resident, number: int, data: bytes | None = None) -> bytes:
        data = resident.residence() if data is None else data
        resident.residence_at, resident.residence_bytes, resident.since_bytes = number, len(data), 0
        self._ages[resident.name] = None
        self._ages.move_to_end(resident.name)
        return data

    def _keep_from(self) -> int:
        """The oldest entry that is still needed."""
        oldest = self._residents[next(iter(self._ages))].residence_at if self._ages else 1
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
                if self.trouble is None or not self._journal_was_emptied:
                    self._journal.append(self._number, data, self._keep_from())
                else:
                    self._journal.rewrite(self._number, self._everything(part, done))
                    self._journal_was_emptied = False
                    self.rewritten += 1
            except JournalEmptied as error:
                self.trouble, self._journal_was_emptied = str(error), True
                continue
            except (JournalAway, JournalFull) as error:
                self.trouble = str(error)
            else:
                self.trouble = None
                return
            await asyncio.sleep(pause)
            pause = min(2 * pause, longest)

    _journal_was_emptied = False

    def _everything(self, part: Round, done: bool) -> bytes:
        """One entry that stands for the whole journal."""
        outbox = [envelope for kept in self.unsettled() for envelope in kept.outbox]
        for kept in self._rounds.values():
            kept.entry = self._number
        residences = tuple((name, self._reside(r, self._number)) for name, r in sorted(self._residents.items()))
        notes = tuple((note.device, note.news) for note in self._notes)
        for note in self._notes:
            note.entry = self._number
        entry = Entry(
            part.number, part.now, self._settled, done, b"", b"", (), residences, self._encode_batch(outbox),
            tuple(part.hands), tuple(part.published), (), part.taken, notes,
        )  # fmt: skip
        data: bytes = self._encode(entry)
        return data

    # ---- reading back --------------------------------------------------------------------------------------------------

    async def restore(self) -> None:
        """Become the journal's writer, and make everybody as the journal says.

        Where the journal lost what it had acknowledged, everybody begins anew, and `trouble` says so.

        Raises:
            JournalAway, JournalFull: even after some tries.
            BadInput: it keeps agents that do not live here.
        """
        for number, data in await self._claim():
            self._number = number
            self._read(number, self._decode(data))

    async def _claim(self) -> tuple[tuple[int, bytes], ...]:
        pause, longest = _PAUSES
        for tries in range(1, _CLAIMS + 1):
            try:
                return self._journal.claim()
            except JournalEmptied as error:
                self.trouble, self._journal_was_emptied = str(error), True
                break
            except (JournalAway, JournalFull):
                if tries == _CLAIMS:
                    raise
            await asyncio.sleep(pause)
            pause = min(2 * pause, longest)
        return ()

    def _read(self, number: int, entry: Entry) -> None:
        part = self._rounds.get(entry.round)
        if part is None:
            part = Round(entry.round, entry.now, entry=number)
            self._rounds[entry.round] = part
        self._settled = max(self._settled, entry.settled)
        for old in [n for n in self._rounds if n <= self._settled]:
            del self._rounds[old]
        step = Step(
            self._decode(entry.others) if entry.others else (),
            self._decode_batch(entry.inbox) if entry.inbox else [],
        )
        outbox = self._decode_batch(entry.outbox) if entry.outbox else []
        for name in [*(n for n, _ in step.others), *(e.to for e in step.inbox), *(n for n, _ in entry.residences)]:
            if name not in self._residents:
                raise BadInput(
                    f"journal: entry {number} keeps {name!r}, who does not live in this host; "
                    "expected the agents and the placement that it was written with"
                )
        if entry.others or entry.inbox or entry.residences:
            part.outbox += outbox
            part.handled += len(step.inbox)
            part.published += entry.published
            part.hands, part.taken = list(entry.hands), entry.taken or part.taken
            self.last, self.open = (part, None) if entry.done else (self.last, part)
        self._replay(number, entry, step, outbox)

    def _replay(self, number: int, entry: Entry, step: Step, outbox: list[Envelope]) -> None:
        failed = {(name, index): parked for name, index, parked in entry.failed}
        index: dict[str, int] = {}
        events: list[tuple[int, str, Any]] = []
        for name, event in step.others:
            events.append((index.get(name, 0), name, event))
            index[name] = index.get(name, 0) + 1
        events += [(-1 - k, envelope.to, envelope) for k, envelope in enumerate(step.inbox)]
        for number_there, name, event in events:
            resident = self._residents[name]
            if not resident.residence_at:
                continue  # its residence comes later in what is kept
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
        for to, sender, lane, sequence, _ in step.inbox:
            self._residents[to].seen[sender, lane] = sequence
        for to, sender, lane, sequence, _ in outbox:
            self._residents[sender].sent[to, lane] = sequence
        for name, timer, at in entry.armed:
            self._residents[name].set_timer(timer, at)
        self._weigh(step, len(entry.inbox), len(entry.others))
        self._forget(step)
        self._notes += [_Note(device, news, number) for device, news in entry.notes]
        for name, data in entry.residences:
            self._residents[name].move_in(data)
            self._reside(self._residents[name], number, data)

    def _forget(self, step: Step) -> None:
        """News that an agent has handled is noted no more."""
        if not self._notes:
            return
        for _, event in step.others:
            if isinstance(event, Measured) and event.news:
                self._notes = [n for n in self._notes if n.device != event.device or n.news not in event.news]

    def close(self) -> None:
        """Let go of the journal."""
        self._journal.close()


def _envelopes(data: bytes) -> list[Envelope]:
    return [Envelope._make(row) for row in decode_batch(data)]


def _same(value: Any) -> Any:
    return value
