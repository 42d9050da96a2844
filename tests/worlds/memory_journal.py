"""A journal in this process: for runs on the simulated clock, where the crash is simulated too and the memory survives it."""

from __future__ import annotations

from agents.runtime.journal.port import JournalAway, JournalEmptied, JournalFenced, JournalFull, check_numbers
from cim.model.errors import ProgrammingFault


class MemoryStore:
    """What stands in for the server: it outlives the journals that write to it, and fails when it is told to.

    Attributes:
        away: True: no call is answered, nothing is kept (JournalAway).
        full: True: nothing new is kept unless it lets go of something older (JournalFull).
        unanswered: so many of the next changes are kept although their caller is told JournalAway.
    """

    def __init__(self) -> None:
        self.away = False
        self.full = False
        self.unanswered = 0
        self.entries: dict[int, bytes] = {}
        self.life = 0
        self.last = 0
        self._lives = 0

    def next_life(self) -> int:
        """Number of a new life, newer than any before, also after `empty`."""
        self._lives += 1
        self.life = self._lives
        return self.life

    def empty(self) -> None:
        """Forget everything, as FLUSHALL does."""
        self.entries, self.life, self.last = {}, 0, 0

    def answer(self) -> None:
        """After a change that was kept. Raises JournalAway when its answer is to be lost."""
        if self.unanswered > 0:
            self.unanswered -= 1
            raise JournalAway("the journal in memory kept the change, and was told to lose its answer")

    def reach(self) -> None:
        """Before a call. Raises JournalAway when the store is away."""
        if self.away:
            raise JournalAway("the journal in memory was told to be away")


class MemoryJournal:
    """Keeps entries in a `MemoryStore`; the next life of a host may claim the same object or another on the same store."""

    durable, objects = True, False

    def __init__(self, store: MemoryStore | None = None) -> None:
        self.store = MemoryStore() if store is None else store
        self._life = 0
        self._doubtful = 0  # number whose append was not answered: it may be there, and may still be replaced

    def claim(self) -> tuple[tuple[int, bytes], ...]:
        """All kept entries, oldest first. Raises JournalAway."""
        self.store.reach()
        self._life, self._doubtful = self.store.next_life(), 0
        self.store.answer()
        return tuple(sorted(self.store.entries.items()))

    def append(self, number: int, data: bytes, keep_from: int) -> None:
        """Keep one entry, by the rules of `Journal.append`."""
        check_numbers(number, keep_from)
        try:
            self._keep(number, data, keep_from)
        except JournalAway:
            self._doubtful = number
            raise
        self._doubtful = 0

    def rewrite(self, number: int, data: bytes) -> None:
        """Start afresh with this one entry, by the rules of `Journal.rewrite`."""
        check_numbers(number, number)
        store = self._own_store()
        if store.life == self._life and store.last > number:
            raise ProgrammingFault(
                f"journal entry {number} was to replace a journal that goes on to entry {store.last}"
            )
        store.entries, store.last, store.life = {number: data}, number, self._life
        store.answer()
        self._doubtful = 0

    def close(self) -> None:
        """Nothing to let go of: the store is the caller's."""

    def _own_store(self) -> MemoryStore:
        """The store, when it can be reached and no newer life has claimed it."""
        if self._life == 0:
            raise ProgrammingFault("a journal must be claimed before it is written to")
        self.store.reach()
        if self.store.life > self._life:
            raise JournalFenced("a newer life of this host has claimed the journal in memory")
        return self.store

    def _keep(self, number: int, data: bytes, keep_from: int) -> None:
        store = self._own_store()
        begins = number == 1 and store.last == 0
        if store.life != self._life and not begins:
            raise JournalEmptied(f"the journal in memory was emptied before entry {number}")
        if number == store.last:
            if store.entries[number] != data and number != self._doubtful:
                raise ProgrammingFault(f"journal entry {number} was repeated with other data")
            store.entries[number] = data
            store.answer()
            return
        if number < store.last:
            raise ProgrammingFault(f"journal entry {number} comes after entry {store.last}")
        if number != store.last + 1:
            raise JournalEmptied(f"the journal in memory ends at entry {store.last}, behind entry {number - 1}")
        oldest = min(store.entries, default=number)
        if store.full and keep_from <= oldest:
            raise JournalFull("the journal in memory was told to be full")
        for old in range(oldest, keep_from):
            store.entries.pop(old, None)
        store.entries[number], store.last, store.life = data, number, self._life
        store.answer()
