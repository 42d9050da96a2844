"""The operators' log: what people note of their shift, and which alarms somebody has seen; it only grows."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Annotated

from pydantic import Field

from cim.platform.access.audit import Access, AuditLog
from portal.auth.caller import Caller
from portal.models.base import Instant, Shown

_ACT = "note"
_MOST = 500  # characters of a note


class Note(Shown):
    """A note to be written.

    Attributes:
        about: the key of the alarm that somebody has seen, as `/dso/pages/alarms` has it; empty: about none.
    """

    about: Annotated[str, Field(pattern=r"^([0-9a-f]{16})?$")] = ""
    words: Annotated[str, Field(min_length=1, max_length=_MOST)]


class NoteTold(Shown):
    """A note as it was written; `at` on the site's clock."""

    at: Instant
    by: str
    about: str
    words: str


def shift_log_path(folder: Path) -> Path:
    """Where a site's is."""
    return folder / "data" / "audit" / "shift.sqlite"


class ShiftLog:
    """Notes, each kept before it is acknowledged."""

    def __init__(self, path: Path) -> None:
        self._kept = AuditLog(path)

    def add(self, caller: Caller, note: Note, now: datetime) -> NoteTold:
        """Keep one.

        Raises:
            NotStored: the disk is full.
        """
        role = "" if caller.role is None else caller.role.value
        self._kept.add(Access(now, caller.name, role, _ACT, note.about, (note.words,), allowed=True))
        return NoteTold(at=now, by=caller.name, about=note.about, words=note.words)

    def notes(self, last: int | None = None) -> list[NoteTold]:
        """The newest so many, or all, newest first."""
        found = self._kept.entries(last=last)
        return [NoteTold(at=one.at, by=one.who, about=one.what, words=one.asked[0]) for one in reversed(found)]

    def check(self) -> int:
        """Go through all of it; how many there are.

        Raises:
            BadInput: one is not as it was written, or is missing.
        """
        return self._kept.check()
