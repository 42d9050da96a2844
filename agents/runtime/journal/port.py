"""The port every journal fills: numbered entries, one writer, and the five ways in which keeping them can fail."""

from __future__ import annotations

from typing import Protocol

from cim.model.errors import IlesError, ProgrammingFault


class JournalError(IlesError):
    """A journal could not do what was asked; the subclasses say what the host has to do about it."""


class JournalAway(JournalError):
    """The server does not answer: try again later. What was to be appended may or may not be there; repeating is safe."""


class JournalFull(JournalError):
    """The server refuses for lack of memory or disk: nothing was kept, try again when there is room."""


class JournalEmptied(JournalError):
    """The journal was here and is gone, or has fallen back behind what it acknowledged: `rewrite` it."""


class JournalFenced(JournalError):
    """A newer life of this host has taken the journal over: this one must stop."""


class Journal(Protocol):
    """One per host; the order is receive, drop if seen, handle, append, send, acknowledge.

    Calls block, and one journal object belongs to one thread at a time.
    """

    @property
    def durable(self) -> bool:
        """False spares the host from encoding entries nobody keeps."""
        ...

    @property
    def objects(self) -> bool:
        """Whether entries are kept as they are, never as bytes: only where journal and host share a process."""
        ...

    def claim(self) -> tuple[tuple[int, bytes], ...]:
        """Become the one writer: older lives are fenced off.

        Returns all kept entries as (number, data), oldest first; () when the journal is new.
        Raises JournalAway, JournalFull.
        """
        ...

    def append(self, number: int, data: bytes, keep_from: int) -> None:
        """Make one entry durable: it is synced when this returns.

        Numbers count up by one from 1. Entries below `keep_from` may be dropped. Repeating the number last
        appended is safe, and changes nothing; after JournalAway the same number may come with other data, which
        then replace what may be there. Raises JournalAway, JournalFull, JournalEmptied, JournalFenced.
        """
        ...

    def rewrite(self, number: int, data: bytes) -> None:
        """After JournalEmptied: start afresh with this one entry, which holds everybody's whole state.

        Later appends go on from number + 1. Repeating is safe. Raises JournalAway, JournalFull, JournalFenced.
        """
        ...

    def close(self) -> None:
        """Let go of the connection; what was kept stays kept."""
        ...


def check_numbers(number: int, keep_from: int) -> None:
    """Entry numbers begin at 1, and an entry never drops itself. Raises ProgrammingFault."""
    if number < 1:
        raise ProgrammingFault(f"journal entry number {number}: entries count up from 1")
    if not 0 <= keep_from <= number:
        raise ProgrammingFault(f"journal entry {number}: keep_from is {keep_from}, expected 0 to {number}")


class NoJournal:
    """Keeps nothing: a restarted host begins anew."""

    durable = objects = False

    def claim(self) -> tuple[tuple[int, bytes], ...]:
        """Nothing is ever there."""
        return ()

    def append(self, number: int, data: bytes, keep_from: int) -> None:
        """Nothing is kept."""

    def rewrite(self, number: int, data: bytes) -> None:
        """Nothing is kept."""

    def close(self) -> None:
        """Nothing is held."""
