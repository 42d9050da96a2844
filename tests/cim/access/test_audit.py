"""The audit log only grows and is found out when changed; erasure, pseudonyms and the book of principals."""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest

from cim.model.errors import BadInput
from cim.platform.access.audit import Access, AuditLog
from cim.platform.access.principals import Principal, PrincipalBook, Role, UsagePoint
from cim.platform.access.pseudonyms import Pseudonyms, pseudonym_key
from cim.platform.access.secured import Denied
from cim.platform.readings.errors import NotStored
from tests.worlds.access import HOMES, NOW, control, point
from tests.worlds.full_disk import room_for


def access(who: str, rows: int = 0) -> Access:
    """An access that was allowed."""
    return Access(NOW, who, "prosumer", "read", "readings", ("value",), True, policies=("p",), rows=rows)


def test_what_is_kept_is_read_back(tmp_path: Path) -> None:
    """Entries come back as they were, in order, by principal and the last so many; also from another process's log."""
    log = AuditLog(tmp_path / "audit.sqlite")
    for number in range(5):
        log.add(access("ab"[number % 2], number))
    again = AuditLog(tmp_path / "audit.sqlite")
    assert [entry.rows for entry in again.entries()] == [0, 1, 2, 3, 4]
    assert again.entries("b") == [access("b", 1), access("b", 3)]
    assert [entry.rows for entry in again.entries(last=2)] == [3, 4]
    assert again.check() == 5


def test_the_log_refuses_changes(tmp_path: Path) -> None:
    """Neither a change nor a removal of an entry is taken by the database."""
    log = AuditLog(tmp_path / "audit.sqlite")
    log.add(access("a"))
    with closing(sqlite3.connect(tmp_path / "audit.sqlite")) as database:
        for statement in ("UPDATE accesses SET entry = '{}'", "DELETE FROM accesses"):
            with pytest.raises(sqlite3.IntegrityError, match="only grows"):
                database.execute(statement)
    assert log.check() == 1


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE accesses SET entry = replace(entry, 'readings', 'other') WHERE number = 2",
        "DELETE FROM accesses WHERE number = 2",
    ],
)
def test_a_file_changed_behind_its_back_is_found_out(tmp_path: Path, statement: str) -> None:
    """Whoever takes the triggers away and changes or removes an entry is found out by the digests."""
    log = AuditLog(tmp_path / "audit.sqlite")
    for number in range(3):
        log.add(access("a", number))
    with closing(sqlite3.connect(tmp_path / "audit.sqlite")) as database:
        database.executescript(f"DROP TRIGGER no_change; DROP TRIGGER no_removal; {statement};")
    with pytest.raises(BadInput, match="entry 2 of"):
        log.check()


def test_many_at_once_lose_no_entry(tmp_path: Path) -> None:
    """Entries of several threads, each with a log of its own on one file, are all there and in one chain."""
    path = tmp_path / "audit.sqlite"
    AuditLog(path)
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda n: AuditLog(path).add(access("a", n)), range(40)))
    assert sorted(entry.rows for entry in AuditLog(path).entries()) == list(range(40))
    assert AuditLog(path).check() == 40


def commits(path: Path) -> int:
    """How many transactions a database has seen: its file change counter (SQLite's file format, 1.3.7)."""
    return int.from_bytes(path.read_bytes()[24:28], "big")


def add_behind(ready: threading.Barrier, log: AuditLog, number: int) -> None:
    """Add an entry once all are there."""
    ready.wait()
    log.add(access("a", number))


def test_who_comes_while_another_writes_is_written_in_one_transaction(tmp_path: Path) -> None:
    """Forty threads wait for a file that somebody holds; then they need a few transactions, not one each."""
    path = tmp_path / "audit.sqlite"
    log = AuditLog(path)
    kept, end = 0, time.monotonic() + 60
    while True:
        with closing(sqlite3.connect(path, isolation_level=None)) as other, ThreadPoolExecutor(40) as pool:
            other.execute("BEGIN IMMEDIATE")
            before, ready = commits(path), threading.Barrier(41)
            done = [pool.submit(add_behind, ready, log, n) for n in range(kept, kept + 40)]
            ready.wait()
            time.sleep(0.2)  # most are there by then; on a busy machine it is tried again
            other.execute("COMMIT")
            for one in done:
                one.result()
        kept += 40
        assert sorted(entry.rows for entry in log.entries()) == list(range(kept))
        if commits(path) - before <= 10:
            break
        assert time.monotonic() < end
    assert log.check() == kept


def test_what_cannot_be_written_is_refused_to_each_who_waits(tmp_path: Path) -> None:
    """On a full disk nobody is answered, however many ask at once; when there is room each entry is there once."""
    path = tmp_path / "audit.sqlite"
    log = AuditLog(path)
    log.add(access("a", 0))
    with room_for(0), ThreadPoolExecutor(8) as pool:
        asked = [pool.submit(log.add, access("b", n)) for n in range(8)]
        found = [one.exception() for one in asked]
    assert all(isinstance(one, NotStored) for one in found)
    assert {str(one).startswith(f"audit: {path} took nothing (") for one in found} == {True}
    log.add(access("c", 1))
    assert [entry.who for entry in log.entries()] == ["a", "c"]
    assert log.check() == 2


def test_who_reads_the_log(tmp_path: Path) -> None:
    """An administrator reads all accesses, others their own; another's is denied, and that is an entry too."""
    control_ = control(tmp_path)
    owner, root = (control_.book.principal(name) for name in ("owner-0", "root"))
    control_.allow(owner, "read", "readings", (), (), 3)
    control_.allow(root, "read", "readings", (), (), 5)
    assert [entry.rows for entry in control_.log_of(owner)] == [3]
    with pytest.raises(Denied):
        control_.log_of(owner, "root")
    assert [(entry.who, entry.act) for entry in control_.log_of(root)] == [
        ("owner-0", "read"), ("root", "read"), ("owner-0", "audit"), ("root", "audit"),
    ]  # fmt: skip


def test_a_stranger_is_denied_and_written_down(tmp_path: Path) -> None:
    """A name that nobody has is denied in the words that all denials have."""
    control_ = control(tmp_path)
    with pytest.raises(Denied, match="not there, or not yours"):
        control_.who("nobody", "read", "readings")
    assert [(entry.who, entry.role, entry.allowed) for entry in control_.audit.entries()] == [("nobody", "", False)]


class Shelf:
    """Something that holds rows of homes."""

    name = "shelf"

    def __init__(self) -> None:
        self.rows = [HOMES[0], HOMES[0], HOMES[1]]

    def erase(self, usage_points: Iterable[str]) -> int:
        """Let go of them."""
        gone, before = set(usage_points), len(self.rows)
        self.rows = [row for row in self.rows if row not in gone]
        return before - len(self.rows)


def test_erasure_is_the_owners_and_the_administrators(tmp_path: Path) -> None:
    """Who may erases from every holder and it is kept how much; who may not reaches none of them."""
    control_, shelf = control(tmp_path), Shelf()
    for name, homes in (("agr-east", HOMES[:1]), ("owner-0", HOMES[:2]), ("root", ())):
        with pytest.raises(Denied):
            control_.erase(control_.book.principal(name), homes, [shelf])
    assert len(shelf.rows) == 3
    assert control_.erase(control_.book.principal("owner-0"), HOMES[:1], [shelf]) == {"shelf": 2}
    assert control_.erase(control_.book.principal("root"), HOMES[1:2], [shelf]) == {"shelf": 1}
    done = [entry for entry in control_.audit.entries() if entry.act == "erased"]
    assert [(entry.who, entry.rows) for entry in done] == [("owner-0", 2), ("root", 1)]


def test_pseudonyms_are_one_projects(tmp_path: Path) -> None:
    """The same name has one pseudonym in a project, another in another and under another key; none shows the name."""
    key = pseudonym_key(tmp_path / "access" / "key")
    assert pseudonym_key(tmp_path / "access" / "key") == key
    one = Pseudonyms(key, "study").of("home-1")
    assert one == Pseudonyms(key, "study").of("home-1")
    others = {
        Pseudonyms(key, "other").of("home-1"),
        Pseudonyms(key[::-1], "study").of("home-1"),
        Pseudonyms(key, "study").of("home-2"),
    }
    assert one not in others
    assert len(others) == 3
    assert "home" not in one


def test_a_pseudonym_key_that_others_read_is_refused(tmp_path: Path) -> None:
    """A key file with open permissions, or too short, is refused."""
    path = tmp_path / "key"
    pseudonym_key(path)
    path.chmod(0o644)
    with pytest.raises(BadInput, match="others may read"):
        pseudonym_key(path)
    path.write_bytes(b"short")
    path.chmod(0o600)
    with pytest.raises(BadInput, match="has 5 bytes"):
        pseudonym_key(path)


def test_a_name_has_one_role() -> None:
    """One who would be two things at once is refused, for then two policies' views would be joined."""
    with pytest.raises(BadInput, match="both prosumer and aggregator"):
        PrincipalBook([UsagePoint("u", "x", aggregator="x")])
    with pytest.raises(BadInput, match="is a prosumer already"):
        PrincipalBook([point(0)], [Principal("owner-0", Role.ADMINISTRATOR)])


def test_a_party_is_known_by_its_domain_too() -> None:
    """A domain leads to the party whose it is; the name that nobody has is refused without saying who there is."""
    book = PrincipalBook([point(0)], aliases={"owner-0.example": "owner-0"})
    assert book.principal("owner-0.example") == book.principal("owner-0")
    with pytest.raises(BadInput, match="'owner-9' is not known here"):
        book.principal("owner-9")
