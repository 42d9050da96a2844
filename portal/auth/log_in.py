"""Logging in and out: passwords are checked one at a time, failures counted, and everything is written down."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from threading import BoundedSemaphore, Lock

from argon2 import PasswordHasher

from cim.model.errors import BadInput, IlesError
from cim.platform.access.audit import Access, AuditLog
from cim.platform.provisioning.rate import RateLimit, TooOften
from portal.auth.caller import Caller
from portal.auth.ended import FILE as ENDED
from portal.auth.ended import EndedSessions
from portal.auth.lock_out import LockOut
from portal.auth.sessions import Session, Sessions, session_key
from portal.auth.users import FILE, LONGEST, User, UserBook, check_password

_WAITING = 8  # log-ins at once, the one whose password is being hashed among them
_NAME = 64  # characters of a name that are written down


class Refused(IlesError):
    """A log-in is refused: in one sentence, which says nothing about whether there is such a user."""


class LogIn:
    """The log-in of one site.

    Args:
        folder: the site's, with users, key and record.
        hasher: of passwords; see `UserBook`.
        seconds: the machine's clock.
        steady: one that only goes forward.
    """

    def __init__(
        self,
        folder: Path,
        hasher: PasswordHasher | None = None,
        seconds: Callable[[], float] = time.time,
        steady: Callable[[], float] = time.monotonic,
    ) -> None:
        self.users = UserBook(folder / FILE, hasher)
        self.sessions = Sessions(session_key(folder), self.users, EndedSessions(folder / ENDED), seconds)
        self.audit = AuditLog(audit_path(folder))
        self._seconds = seconds
        self._lock_out = LockOut(steady)
        self._tries = RateLimit(20, 0.5, steady, "log-in")
        # Hashing takes 64 MiB and a core for a while: a flood of log-ins must not take them from those who steer.
        self._room, self._hashing = BoundedSemaphore(_WAITING), Lock()

    def enter(self, name: str, password: str, address: str) -> tuple[str, User]:
        """The token of a new session, and whose it is; takes as long as a password's hash, so call it from a thread.

        Raises:
            Refused: name and password do not fit, or the name is locked out.
            TooOften: from this address, or altogether.
        """
        user = self._checked(name, password, address, "log-in")
        self.note(name, user, "log-in", (f"from {address}",))
        return self.sessions.begin(name, user), user

    def change(self, session: Session, current: str, new: str, address: str) -> str:
        """Another password; all sessions of the user end, and this is the token of the one that goes on.

        Raises:
            Refused, TooOften: as at a log-in, of the current password.
            BadInput: the new one is too short, or the same.
        """
        self._checked(session.name, current, address, "password")
        check_password(new)
        if new == current:
            raise BadInput("password: it is the same as before; expected another one")
        user = self.users.set_password(session.name, new, one_time=False)
        self.note(session.name, user, "password", (f"from {address}",))
        return self.sessions.begin(session.name, user)

    def leave(self, session: Session) -> None:
        """Log out."""
        self.sessions.end(session)
        self.note(session.name, session.user, "log-out")

    def note(self, name: str, user: User | None, act: str, asked: tuple[str, ...] = (), reason: str = "") -> None:
        """Write down what somebody did or tried; it is on the disk when this returns."""
        at = datetime.fromtimestamp(self._seconds(), UTC)
        role = "" if user is None else user.role.value
        self.audit.add(Access(at, name[:_NAME], role, act, "portal", asked, not reason, reason))

    def _checked(self, name: str, password: str, address: str, act: str) -> User:
        self._tries.take(address)
        if not self._room.acquire(blocking=False):
            raise TooOften("log-in: too many at once; expected you to try again in a moment", 2)
        try:
            with self._hashing:
                # One after the other, so that tries side by side are counted like tries in a row.
                if wait := self._lock_out.wait_s(name[:_NAME]):
                    raise self._no(name, act, address, "locked out", _locked(wait))
                user = self.users.check(name, password) if len(password) <= LONGEST else None
                if user is None:
                    wait = self._lock_out.failed(name[:_NAME])
                    words = _locked(wait) if wait else "name and password do not fit"
                    raise self._no(name, act, address, "wrong name or password", words)
                self._lock_out.succeeded(name[:_NAME])
                return user
        finally:
            self._room.release()

    def _no(self, name: str, act: str, address: str, reason: str, words: str) -> Refused:
        self.note(name, None, act, (f"from {address}",), reason)
        return Refused(words)


def caller_in(session: Session) -> Caller:
    """Who is logged in, as routes and pages see it."""
    user = session.user
    return Caller(session.name, user.role, user.party or None, session.csrf, user.one_time)


def audit_path(folder: Path) -> Path:
    """Where log-ins and actions are written down."""
    return folder / "data" / "audit" / "portal.sqlite"


def _locked(wait_s: int) -> str:
    return f"name and password did not fit too often; expected you to wait {wait_s} s"
