"""Sessions: short-lived signed tokens in a cookie that scripts cannot read, renewed while they are used."""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import os
import secrets
import stat
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import jwt
from jwt.types import Options

from cim.model.errors import BadInput
from portal.auth.ended import EndedSessions
from portal.auth.users import User, UserBook

FILE = "portal.key"
LIFE_S = 15 * 60  # of a token
RENEW_S = 5 * 60  # older ones are replaced with the next answer
LONGEST_S = 12 * 3600  # of a session, however much it is used
_ALGORITHM = "HS256"
# When a token ends is checked here, by the clock that was given.
_OPTIONS: Options = {
    "require": ["sub", "sid", "stamp", "begun", "iat", "exp"],
    "verify_exp": False,
    "verify_iat": False,
}


@dataclass(frozen=True, slots=True)
class Session:
    """Somebody who is logged in.

    Attributes:
        identity: of the session, through all renewals.
        begun, made, until: when the session began, when its token was made, and when that ends; seconds since 1970.
        csrf: what must come with everything that acts.
    """

    name: str
    user: User
    identity: str
    begun: int
    made: int
    until: int
    csrf: str


class Sessions:
    """Makes and reads the tokens of a site.

    Args:
        key: that they are signed with.
        users: a session is its user's as long as there is one with the same password.
        ended: the sessions that were logged out.
        seconds: the machine's clock; a simulated site's time has no say.
    """

    def __init__(
        self, key: bytes, users: UserBook, ended: EndedSessions, seconds: Callable[[], float] = time.time
    ) -> None:
        self._key, self._users, self._ended, self._seconds = key, users, ended, seconds

    def begin(self, name: str, user: User) -> str:
        """The token of a new session."""
        return self._token(name, user, secrets.token_urlsafe(12), int(self._seconds()))

    def renewed(self, session: Session) -> str | None:
        """A new token for a session whose token is getting old; None where it is not, or the session has been long enough."""
        now = int(self._seconds())
        if now - session.made < RENEW_S or now - session.begun >= LONGEST_S:
            return None
        return self._token(session.name, session.user, session.identity, session.begun)

    def read(self, token: str) -> Session | None:
        """The session of a token; None where it is not ours, too old, logged out, or of another password."""
        try:
            claims = jwt.decode(token, self._key, [_ALGORITHM], options=_OPTIONS)
        except jwt.InvalidTokenError:
            return None
        name, identity, stamp = claims["sub"], claims["sid"], claims["stamp"]
        begun, made, until = claims["begun"], claims["iat"], claims["exp"]
        user = self._users.get(name) if isinstance(name, str) else None
        if user is None or user.stamp != stamp or until <= self._seconds() or self._ended.has(identity):
            return None
        return Session(name, user, identity, begun, made, until, self._csrf(identity))

    def end(self, session: Session) -> None:
        """Log out: tokens of this session are none any more."""
        now = int(self._seconds())
        self._ended.add(session.identity, now + LIFE_S, now)

    def _token(self, name: str, user: User, identity: str, begun: int) -> str:
        now = int(self._seconds())
        until = min(now + LIFE_S, begun + LONGEST_S)
        claims = {"sub": name, "sid": identity, "stamp": user.stamp, "begun": begun, "iat": now, "exp": until}
        return jwt.encode(claims, self._key, _ALGORITHM)

    def _csrf(self, identity: str) -> str:
        return hmac.new(self._key, f"csrf {identity}".encode(), hashlib.sha256).hexdigest()


def session_key(folder: Path) -> bytes:
    """The key of a site's sessions: from its file, made where there is none; only its owner may read it.

    Raises:
        BadInput: it cannot be read, is none, or others may read it.
    """
    path = folder / FILE
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True)
        draft = path.with_name(f"{FILE}.{secrets.token_hex(4)}")
        try:
            with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
                file.write(secrets.token_bytes(32))
                file.flush()
                os.fsync(file.fileno())
            with contextlib.suppress(FileExistsError):  # another process was faster: its key is everybody's
                os.link(draft, path)
        finally:
            draft.unlink(missing_ok=True)
    try:
        mode, key = stat.S_IMODE(path.stat().st_mode), path.read_bytes()
    except OSError as error:
        raise BadInput(f"session key: {path} cannot be read ({error}); expected a file of yours") from None
    if os.name == "posix" and mode & 0o077:
        raise BadInput(f"session key: {path} has mode {mode:04o}, so others may read it; expected 0600 and a new key")
    if len(key) != 32:
        raise BadInput(f"session key: {path} has {len(key)} bytes; expected 32")
    return key
