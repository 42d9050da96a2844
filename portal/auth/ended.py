"""Sessions that were logged out, kept on the disk until their last token has ended: a restart forgets none."""

from __future__ import annotations

import fcntl
import json
import os
import secrets
import stat
from pathlib import Path
from threading import Lock

from cim.model.errors import BadInput

FILE = "portal.ended.json"


class EndedSessions:
    """By session, when its last token ends (seconds since 1970); for any thread and process.

    Args:
        path: of the file, mode 0600; it may not be there yet.
    """

    def __init__(self, path: Path) -> None:
        self._path, self._lock = path, Lock()
        self._read: tuple[tuple[int, int, int], dict[str, int]] | None = None

    def has(self, identity: str) -> bool:
        """Whether a session was logged out.

        Raises:
            BadInput: the file cannot be read; nobody is let in by guessing.
        """
        return identity in self._all()

    def add(self, identity: str, until: int, now: int) -> None:
        """Log a session out; those whose tokens have all ended by now are dropped. It is on the disk when this returns."""
        lock = os.open(self._path.with_name(f"{self._path.name}.lock"), os.O_WRONLY | os.O_CREAT, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
            left = {one: end for one, end in self._all().items() if end > now}
            self._write(json.dumps({**left, identity: until}))
        finally:
            os.close(lock)

    def _all(self) -> dict[str, int]:
        try:
            state = self._path.stat()
            mark = (state.st_mtime_ns, state.st_size, state.st_ino)
            with self._lock:
                if self._read is None or self._read[0] != mark:
                    self._read = mark, _checked(self._path, state.st_mode, self._path.read_text(encoding="utf-8"))
                return self._read[1]
        except FileNotFoundError:
            return {}
        except OSError as error:
            raise BadInput(f"log-outs: {self._path} cannot be read ({error}); expected a file of yours") from None

    def _write(self, text: str) -> None:
        draft = self._path.with_name(f"{self._path.name}.{secrets.token_hex(4)}")
        try:
            with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
            draft.rename(self._path)
        finally:
            draft.unlink(missing_ok=True)


def _checked(path: Path, mode: int, text: str) -> dict[str, int]:
    if os.name == "posix" and stat.S_IMODE(mode) & 0o077:
        raise BadInput(f"log-outs: {path} has mode {stat.S_IMODE(mode):04o}, so others may change it; expected 0600")
    try:
        found = json.loads(text)
    except ValueError:
        found = None
    if not isinstance(found, dict) or not all(isinstance(end, int) for end in found.values()):
        raise BadInput(f"log-outs: {path} is no list of sessions; expected an object of session to second")
    return found
