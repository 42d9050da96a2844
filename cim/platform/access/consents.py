"""Consents that a prosumer gives and withdraws: to whom, for which purpose, how deep, until when."""

from __future__ import annotations

import json
import sqlite3
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path

from cim.model.errors import BadInput
from cim.platform.readings.errors import NotStored


class Purpose(StrEnum):
    """For what data may be asked (GDPR, Art. 5 (1) b)."""

    OPERATION = "operation"  # running the market and the grid: what a role is for
    RESEARCH = "research"
    ADVICE = "advice"  # to the prosumer, on its own energy


class Scope(StrEnum):
    """How deep a consent goes."""

    CONNECTION = "connection"
    DEVICES = "devices"  # the connection too


@dataclass(frozen=True, slots=True)
class Consent:
    """One consent.

    Attributes:
        giver, grantee: names of principals.
        usage_points: of which homes.
        given, until: from when to when it holds, UTC; `until` None: until withdrawn.
        withdrawn: when it was; None: it was not.
    """

    identity: str
    giver: str
    grantee: str
    purpose: Purpose
    scope: Scope
    usage_points: tuple[str, ...]
    given: datetime
    until: datetime | None = None
    withdrawn: datetime | None = None

    def __post_init__(self) -> None:
        if not self.usage_points:
            raise BadInput(f"consent of {self.giver!r}: it names no home; expected at least one usage point")
        if self.until is not None and self.until <= self.given:
            raise BadInput(
                f"consent of {self.giver!r}: until {self.until.isoformat()} is not after {self.given.isoformat()}; "
                "expected a later instant"
            )

    def holds(self, now: datetime) -> bool:
        """Whether it is in force."""
        return self.given <= now and (self.until is None or now < self.until) and self.withdrawn is None


class ConsentBook:
    """All consents of a site, in a file. Nothing is ever changed but that a consent gets its instant of withdrawal."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._path = path
        with self._open() as database:
            database.execute(
                "CREATE TABLE IF NOT EXISTS consents (identity TEXT PRIMARY KEY, giver TEXT, grantee TEXT, purpose TEXT, "
                "scope TEXT, usage_points TEXT, given TEXT, until TEXT, withdrawn TEXT)"
            )
            database.execute("CREATE INDEX IF NOT EXISTS by_grantee ON consents (grantee, purpose)")

    def give(self, consent: Consent) -> Consent:
        """Keep a consent; it holds from the next request on.

        Raises:
            BadInput: one of that identity is there.
        """
        with self._open() as database:
            try:
                database.execute(
                    "INSERT INTO consents VALUES (?, ?, ?, ?, ?, ?, ?, ?, NULL)",
                    (
                        consent.identity,
                        consent.giver,
                        consent.grantee,
                        consent.purpose,
                        consent.scope,
                        json.dumps(consent.usage_points),
                        consent.given.astimezone(UTC).isoformat(),
                        None if consent.until is None else consent.until.astimezone(UTC).isoformat(),
                    ),
                )
            except sqlite3.IntegrityError:
                raise BadInput(
                    f"consent: {consent.identity!r} is there already; expected an identity of its own"
                ) from None
        return consent

    def withdraw(self, identity: str, giver: str, now: datetime) -> None:
        """End a consent; from the next request on it does not hold.

        Raises:
            BadInput: `giver` has given no such consent, or withdrew it before.
        """
        with self._open() as database:
            done = database.execute(
                "UPDATE consents SET withdrawn = ? WHERE identity = ? AND giver = ? AND withdrawn IS NULL",
                (now.astimezone(UTC).isoformat(), identity, giver),
            )
            if done.rowcount != 1:
                raise BadInput(f"consent: {identity!r} is none of yours that holds; expected one that you gave")

    def in_force(self, grantee: str, purpose: str, now: datetime) -> dict[str, frozenset[str]]:
        """By scope, the usage points that somebody may see for a purpose now."""
        found: dict[str, set[str]] = {scope: set() for scope in Scope}
        for consent in self._read("grantee = ? AND purpose = ?", (grantee, purpose)):
            if consent.holds(now):
                found[consent.scope].update(consent.usage_points)
                found[Scope.CONNECTION].update(consent.usage_points)
        return {scope: frozenset(points) for scope, points in found.items()}

    def given_by(self, giver: str) -> list[Consent]:
        """All that somebody gave, withdrawn ones too, oldest first."""
        return self._read("giver = ?", (giver,))

    def _read(self, where: str, values: tuple[str, ...]) -> list[Consent]:
        """`where` is one of the two texts above; what is asked for is bound."""
        statements = {
            "giver = ?": "SELECT * FROM consents WHERE giver = ? ORDER BY given, identity",
            "grantee = ? AND purpose = ?": "SELECT * FROM consents WHERE grantee = ? AND purpose = ? ORDER BY given",
        }
        with self._open() as database:
            return [_consent(row) for row in database.execute(statements[where], values)]

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        """A connection a use: who withdraws in one process is heard in all others at once."""
        database = sqlite3.connect(self._path, timeout=10.0)
        try:
            with database:
                yield database
        except sqlite3.OperationalError as error:
            raise NotStored(f"consents: {self._path} took nothing ({error}); try again") from None
        finally:
            database.close()


def new_identity() -> str:
    """For a consent that brings none."""
    return f"urn:uuid:{uuid.uuid4()}"


def _consent(row: tuple[str | None, ...]) -> Consent:
    identity, giver, grantee, purpose, scope, points, given, until, withdrawn = row
    return Consent(
        str(identity),
        str(giver),
        str(grantee),
        Purpose(str(purpose)),
        Scope(str(scope)),
        tuple(json.loads(str(points))),
        datetime.fromisoformat(str(given)),
        datetime.fromisoformat(until) if until else None,
        datetime.fromisoformat(withdrawn) if withdrawn else None,
    )
