"""What a host must not forget lives here: the journal it appends to before it sends, on a Redis-protocol server.

What an entry says never lives here: hosts encode and decode their own entries, a journal keeps bytes under numbers.
"""

from agents.runtime.journal.port import (
    Journal,
    JournalAway,
    JournalEmptied,
    JournalError,
    JournalFenced,
    JournalFull,
    NoJournal,
)

__all__ = [
    "Journal",
    "JournalAway",
    "JournalEmptied",
    "JournalError",
    "JournalFenced",
    "JournalFull",
    "NoJournal",
]
