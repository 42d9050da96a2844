"""The people who log in: name, role, whose data they see, and the argon2id hash of their password, in one file of the site."""

from __future__ import annotations

import fcntl
import os
import secrets
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from pydantic import BaseModel, ConfigDict, ValidationError

from cim.model.errors import BadInput
from cim.model.worded import Worded, what_was_expected
from cim.platform.access.principals import Role

FILE = "portal.users.json"
FIRST = "administrator"
SHORTEST, LONGEST = 12, 256  # characters of a password

UserName = Annotated[
    str,
    Worded(r"^[A-Za-z0-9][A-Za-z0-9._@-]{0,63}$", "letters, digits, . _ @ -, the first a letter or digit, at most 64"),
]


class User(BaseModel):
    """Somebody who may log in.

    Attributes:
        party: whose data is seen: a party's domain or a principal's name; empty for administrators.
        password: its argon2id hash, with parameters and salt.
        one_time: it was given by somebody else, and must be changed at the first log-in.
        stamp: another one with each password: sessions from before end.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)
    role: Role
    party: str = ""
    password: str
    one_time: bool
    stamp: str


class _Users(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)
    users: dict[UserName, User] = {}


class UserBook:
    """The users of a site; several processes may read and change it.

    Args:
        path: of the file; it need not be there yet.
        hasher: of the passwords; RFC 9106's second choice (64 MiB, 3 passes), in one thread, unless tests say otherwise.
    """

    def __init__(self, path: Path, hasher: PasswordHasher | None = None) -> None:
        self._path, self._hasher = path, hasher or PasswordHasher(parallelism=1)
        self._nobody = ""
        self._read: tuple[tuple[int, int, int], dict[str, User]] | None = None

    def all(self) -> dict[str, User]:
        """Everybody, by name.

        Raises:
            BadInput: the file cannot be read, or others may read it.
        """
        try:
            with self._path.open("rb") as file:
                state = os.fstat(file.fileno())
                if os.name == "posix" and stat.S_IMODE(state.st_mode) & 0o077:
                    raise BadInput(
                        f"users: {self._path} has mode {stat.S_IMODE(state.st_mode):04o}, so others may read it; expected 0600"
                    )
                mark = (state.st_mtime_ns, state.st_size, state.st_ino)
                if self._read is None or self._read[0] != mark:
                    self._read = (mark, dict(_Users.model_validate_json(file.read()).users))
                return self._read[1]
        except FileNotFoundError:
            return {}
        except OSError as error:
            raise BadInput(f"users: {self._path} cannot be read ({error}); expected a file of yours") from None
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False)[0]
            place = ".".join(str(step) for step in first["loc"]) or "file"
            raise BadInput(f"users: {self._path}: {place}: {what_was_expected(first)}") from None

    def get(self, name: str) -> User | None:
        """The user of a name, as the file has it now."""
        return self.all().get(name)

    def check(self, name: str, password: str) -> User | None:
        """The user, if the password is its own; takes as long for a name that nobody has."""
        user = self.get(name)
        # Who is not there takes as long to refuse as who is.
        self._nobody = self._nobody or self._hasher.hash(secrets.token_urlsafe(16))
        try:
            self._hasher.verify(self._nobody if user is None else user.password, password[: LONGEST + 1])
        except (VerificationError, InvalidHashError):
            return None
        return user

    def add(self, name: str, role: Role, party: str, password: str, one_time: bool = True) -> None:
        """Let somebody log in.

        Raises:
            BadInput: the name is taken or none, the password is too short, or the role needs a party.
        """
        if (party == "") != (role is Role.ADMINISTRATOR):
            raise BadInput(f"user {name}: {role} as {party!r}; expected a party for every role but the administrator's")
        made = User(role=role, party=party, password=self._hash(password), one_time=one_time, stamp=_stamp())
        with self._changing() as users:
            if name in users:
                raise BadInput(f"user {name}: there is one already; expected another name")
            users[name] = made

    def remove(self, name: str) -> None:
        """Let somebody log in no longer; sessions end at once.

        Raises:
            BadInput: there is no such user, or nobody else is an administrator.
        """
        with self._changing() as users:
            _known(users, name)
            left = [one for one, user in users.items() if user.role is Role.ADMINISTRATOR and one != name]
            if not left:
                raise BadInput(f"user {name}: the last administrator; expected another one to be added before")
            del users[name]

    def set_password(self, name: str, password: str, one_time: bool) -> User:
        """Another password; all sessions of the user end.

        Raises:
            BadInput: there is no such user, or the password is too short.
        """
        hashed = self._hash(password)
        with self._changing() as users:
            _known(users, name)
            changed = users[name].model_copy(update={"password": hashed, "one_time": one_time, "stamp": _stamp()})
            users[name] = changed
        return changed

    def first_start(self) -> str | None:
        """Make the administrator where there are no users yet: its one-time password, which is kept nowhere else."""
        if self._path.exists():
            return None
        password = one_time_password()
        try:
            self.add(FIRST, Role.ADMINISTRATOR, "", password)
        except BadInput:  # another process was faster
            return None
        return password

    def _hash(self, password: str) -> str:
        check_password(password)
        return self._hasher.hash(password)

    @contextmanager
    def _changing(self) -> Iterator[dict[str, User]]:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        lock = os.open(self._path.with_name(f"{self._path.name}.lock"), os.O_WRONLY | os.O_CREAT, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
            users = dict(self.all())
            yield users
            try:
                checked = _Users(users=users)
            except ValidationError:
                raise BadInput("user: expected a name of letters, digits, '.', '_', '@' and '-', at most 64") from None
            self._write(checked.model_dump_json(indent=1))
        finally:
            os.close(lock)

    def _write(self, text: str) -> None:
        draft = self._path.with_name(f"{self._path.name}.{secrets.token_hex(4)}")
        try:
            with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
                file.write(text + "\n")
                file.flush()
                os.fsync(file.fileno())
            draft.rename(self._path)
        finally:
            draft.unlink(missing_ok=True)


def check_password(password: str) -> None:
    """Raises BadInput where a password is too short or too long (NIST SP 800-63B asks for length, not for kinds of signs)."""
    if not SHORTEST <= len(password) <= LONGEST:
        raise BadInput(f"password: it has {len(password)} characters; expected {SHORTEST} to {LONGEST}")


def one_time_password() -> str:
    """One that can be typed off: 20 letters and digits in groups, 99 bits."""
    letters = "abcdefghjkmnpqrstuvwxyz23456789"
    return "-".join("".join(secrets.choice(letters) for _ in range(5)) for _ in range(4))


def _known(users: dict[str, User], name: str) -> None:
    if name not in users:
        raise BadInput(f"user {name}: there is none; expected one of {', '.join(sorted(users)) or 'nobody yet'}")


def _stamp() -> str:
    return secrets.token_hex(8)
