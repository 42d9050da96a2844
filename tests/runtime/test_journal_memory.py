"""The journal in memory keeps the port's rules, whatever order of claims, appends, repeats and faults it meets."""

from __future__ import annotations

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from agents.runtime.journal import JournalAway, JournalEmptied, JournalFenced, JournalFull, NoJournal
from cim.model.errors import ProgrammingFault
from tests.worlds.memory_journal import MemoryJournal, MemoryStore


def test_no_journal_keeps_nothing_and_says_so() -> None:
    """A host without durability is told so, and finds nothing after its restart."""
    journal = NoJournal()
    journal.append(1, b"x", 1)
    journal.rewrite(1, b"x")
    journal.close()
    assert not journal.durable
    assert journal.claim() == ()


def test_the_next_life_finds_what_was_kept_and_fences_the_older_one() -> None:
    """A life that was declared dead but is not cannot write any more."""
    store = MemoryStore()
    older, newer = MemoryJournal(store), MemoryJournal(store)
    older.claim()
    older.append(1, b"a", 1)
    assert newer.claim() == ((1, b"a"),)
    with pytest.raises(JournalFenced):
        older.append(2, b"b", 1)
    with pytest.raises(JournalFenced):
        older.rewrite(2, b"b")
    newer.append(2, b"c", 1)
    assert MemoryJournal(store).claim() == ((1, b"a"), (2, b"c"))


def test_fencing_outlives_an_emptied_store() -> None:
    """The older life cannot take over because the store has forgotten who was newer."""
    store = MemoryStore()
    older, newer = MemoryJournal(store), MemoryJournal(store)
    older.claim()
    newer.claim()
    newer.append(1, b"a", 1)
    store.empty()
    newer.rewrite(2, b"whole")
    with pytest.raises(JournalFenced):
        older.rewrite(2, b"old")
    newer.append(3, b"c", 2)
    assert newer.claim() == ((2, b"whole"), (3, b"c"))


def test_a_store_that_fell_back_is_noticed() -> None:
    """An entry that does not follow the last one kept means that the ones between are gone."""
    journal = MemoryJournal()
    journal.claim()
    journal.append(1, b"a", 1)
    with pytest.raises(JournalEmptied, match="ends at entry 1, behind entry 2"):
        journal.append(3, b"c", 1)


def test_full_lets_an_entry_in_that_frees_room() -> None:
    """The way out of a full journal is an entry that lets older ones go, or a rewrite."""
    journal = MemoryJournal()
    journal.claim()
    journal.append(1, b"a", 1)
    journal.store.full = True
    with pytest.raises(JournalFull):
        journal.append(2, b"b", 1)
    journal.append(2, b"b", 2)
    journal.rewrite(3, b"c")
    assert journal.claim() == ((3, b"c"),)


def test_what_was_not_acknowledged_may_be_replaced() -> None:
    """A host that had no answer may put something else under the number; one that had may not."""
    journal = MemoryJournal()
    journal.claim()
    journal.store.unanswered = 1
    with pytest.raises(JournalAway):
        journal.append(1, b"lost", 1)
    journal.append(1, b"a", 1)
    with pytest.raises(ProgrammingFault, match="other data"):
        journal.append(1, b"b", 1)
    assert journal.claim() == ((1, b"a"),)


def test_faults_of_our_own_are_named() -> None:
    """Writing unclaimed, out of order, or something else under a number that was given: all are faults of the host."""
    journal = MemoryJournal()
    with pytest.raises(ProgrammingFault, match="must be claimed"):
        journal.append(1, b"a", 1)
    journal.claim()
    with pytest.raises(ProgrammingFault, match="count up from 1"):
        journal.append(0, b"a", 0)
    with pytest.raises(ProgrammingFault, match="keep_from is 2, expected 0 to 1"):
        journal.append(1, b"a", 2)
    journal.append(1, b"a", 1)
    with pytest.raises(ProgrammingFault, match="other data"):
        journal.append(1, b"b", 1)
    journal.append(2, b"b", 1)
    with pytest.raises(ProgrammingFault, match="comes after entry 2"):
        journal.append(1, b"a", 1)
    with pytest.raises(ProgrammingFault, match="goes on to entry 2"):
        journal.rewrite(1, b"a")


class OneHost(RuleBasedStateMachine):
    """A host that follows the rules, over a store that fails at will; `kept` is what a host may count on."""

    @initialize()
    def begin(self) -> None:
        """A new store, claimed."""
        self.store = MemoryStore()
        self.journal = MemoryJournal(self.store)
        self.journal.claim()
        self.kept: dict[int, bytes] = {}
        self.next = 1
        self.emptied = False

    @rule(data=st.binary(max_size=4), lost=st.booleans(), back=st.integers(0, 5))
    def append(self, data: bytes, lost: bool, back: int) -> None:
        """Append until it is there, through a lost answer; through an emptied store by a rewrite."""
        number, keep_from = self.next, max(self.next - back, min(self.kept, default=1))
        self.store.unanswered = int(lost)
        for _ in range(3):
            try:
                self.journal.append(number, data, keep_from)
            except JournalAway:
                continue
            except JournalEmptied:
                assert self.emptied
                self.store.unanswered = 0
                self.journal.rewrite(number, data)
                self.kept = {}
                keep_from = number
            break
        self.kept[number] = data
        self.kept = {n: kept for n, kept in self.kept.items() if n >= keep_from}
        self.next, self.emptied, self.store.unanswered = number + 1, False, 0

    @rule()
    def next_life(self) -> None:
        """The host dies; the next one finds what it may count on, and the old one can do no more."""
        dead, self.journal = self.journal, MemoryJournal(self.store)
        found = self.journal.claim()
        if self.emptied:
            assert found == ()
            self.kept, self.next, self.emptied = {}, 1, False
        assert dict(found) == self.kept
        with pytest.raises(JournalFenced):
            dead.append(self.next, b"ghost", 1)

    @rule()
    def away(self) -> None:
        """Nothing is kept while the store is away."""
        self.store.away = True
        with pytest.raises(JournalAway):
            self.journal.append(self.next, b"x", 1)
        with pytest.raises(JournalAway):
            MemoryJournal(self.store).claim()
        self.store.away = False

    @precondition(lambda self: self.kept)
    @rule()
    def empty(self) -> None:
        """Somebody empties the store."""
        self.store.empty()
        self.emptied = True

    @invariant()
    def nothing_lost_nothing_doubled(self) -> None:
        """The store holds exactly what the host may count on."""
        assert self.store.entries == ({} if self.emptied else self.kept)


OneHost.TestCase.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)


class TestOneHost(OneHost.TestCase):
    """A host over a failing store: nothing acknowledged is lost, nothing is doubled."""
