"""The journal on a real server keeps the port's rules: the same answers as the one in memory, and one sentence for each fault."""

from __future__ import annotations

import itertools
import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import pytest
import redis

from agents.assembly.journal_server.embedded import EmbeddedRedis
from agents.runtime.journal import JournalAway, JournalError, JournalFenced, redis_journal
from agents.runtime.journal.durability import durability_faults
from agents.runtime.journal.redis_journal import RedisJournal
from cim.model.errors import ProgrammingFault

pytestmark = pytest.mark.slow
T = TypeVar("T")
_names = (f"host-{number}" for number in itertools.count())


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedRedis]:
    """One server for the tests that leave it as it was."""
    with EmbeddedRedis(tmp_path_factory.mktemp("journal")) as running:
        yield running


@pytest.fixture
def client(server: EmbeddedRedis) -> Iterator[Any]:
    """A plain client, to meddle with the server's data."""
    with redis.Redis.from_url(server.url) as plain:
        yield plain


def _journal(server: EmbeddedRedis, host: str, timeout_s: float = 5.0) -> RedisJournal:
    return RedisJournal(server.url, "test", host, timeout_s)


def test_the_next_life_finds_every_entry_once_and_in_order(server: EmbeddedRedis) -> None:
    """More entries than one page of an answer, some repeated: all are there once, and the older life is fenced off."""
    host = next(_names)
    older, newer = _journal(server, host), _journal(server, host)
    assert older.claim() == ()
    for number in range(1, 201):
        older.append(number, b"%d" % number, 1)
        if number % 7 == 0:
            older.append(number, b"%d" % number, 1)
    assert newer.claim() == tuple((number, b"%d" % number) for number in range(1, 201))
    with pytest.raises(JournalFenced, match=f"newer life of {host}"):
        older.append(201, b"ghost", 1)
    with pytest.raises(JournalFenced):
        older.rewrite(201, b"ghost")
    newer.append(201, b"201", 200)
    assert _journal(server, host).claim()[-2:] == ((200, b"200"), (201, b"201"))
    older.close()
    newer.close()


def test_what_may_be_dropped_is_dropped(server: EmbeddedRedis, client: Any) -> None:
    """A journal whose host moves its base on does not grow."""
    host = next(_names)
    journal = _journal(server, host)
    journal.claim()
    for number in range(1, 2001):
        journal.append(number, bytes(500), max(1, number - 10))
    assert client.xlen(f"{{iles:test:{host}}}:entries") < 50
    journal.close()


def test_a_stalled_server_is_away_within_the_time_out_and_nothing_doubles(server: EmbeddedRedis) -> None:
    """A stopped server process: JournalAway, as often as it is tried; once it goes on, the entry is there exactly once."""
    journal = _journal(server, next(_names), 0.2)
    _claimed(journal)
    _surely(journal, 1, b"a")
    assert server.pid is not None
    os.kill(server.pid, signal.SIGSTOP)
    try:
        for _ in range(3):
            with pytest.raises(JournalAway, match="did not answer in time"):
                journal.append(2, b"b", 1)
    finally:
        os.kill(server.pid, signal.SIGCONT)
    _surely(journal, 2, b"b")
    _surely(journal, 3, b"c")
    assert _claimed(journal) == ((1, b"a"), (2, b"b"), (3, b"c"))
    journal.close()


def test_what_was_not_acknowledged_may_be_replaced_and_stays_so(
    server: EmbeddedRedis, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A host that had no answer may put something else under the number: only the last it was told is kept is there."""
    journal = _journal(server, next(_names), 0.2)
    _claimed(journal)
    _surely(journal, 1, b"a")
    assert server.pid is not None
    for number in range(2, 8):
        os.kill(server.pid, signal.SIGSTOP)
        try:
            for data in (b"lost", b"lost too"):
                with pytest.raises(JournalAway):
                    journal.append(number, data, 1)
        finally:
            os.kill(server.pid, signal.SIGCONT)
        _surely(journal, number, b"%d" % number)
        with pytest.raises(ProgrammingFault, match="other data"):
            _surely(journal, number, b"lost")
    kept = ((1, b"a"), *((number, b"%d" % number) for number in range(2, 8)))
    monkeypatch.setattr(redis_journal, "_PAGE", 2)
    assert _claimed(journal) == kept
    journal.close()


def test_a_call_that_was_overtaken_changes_nothing(server: EmbeddedRedis) -> None:
    """What was held up on its way and arrives after a later call of the same life is refused, append and rewrite alike."""
    journal = _journal(server, next(_names))
    journal.claim()
    journal.append(1, b"a", 1)
    journal.append(2, b"b", 1)
    journal._turn -= 1
    journal.append(2, b"b", 1)  # the client itself sent it twice
    journal._turn -= 2
    journal._doubtful = 2
    with pytest.raises(ProgrammingFault):
        journal.append(2, b"late", 1)
    journal._turn -= 1
    with pytest.raises(ProgrammingFault):
        journal.rewrite(2, b"late")
    journal.append(3, b"c", 1)
    assert journal.claim() == ((1, b"a"), (2, b"b"), (3, b"c"))
    journal.close()


def _patiently(call: Callable[[], T]) -> T:
    """What a call gives, tried as often as it takes: a loaded machine may keep even a healthy server for longer."""
    for _ in range(50):
        try:
            return call()
        except JournalAway:
            continue
    return call()


def _surely(journal: RedisJournal, number: int, data: bytes) -> None:
    _patiently(lambda: journal.append(number, data, 1))


def _claimed(journal: RedisJournal) -> tuple[tuple[int, bytes], ...]:
    return _patiently(journal.claim)


def test_a_wrong_password_and_a_strange_key_are_told_in_a_sentence(server: EmbeddedRedis, client: Any) -> None:
    """The sentence names the server and never the password."""
    where = server.url.rpartition("@")[2].partition("/")[0]
    stranger = RedisJournal(f"redis://:wrong-secret@{where}/0", "test", "h")
    with pytest.raises(JournalAway, match=f"{where} refuses the user name or password") as caught:
        stranger.claim()
    assert "secret" not in str(caught.value)
    host = next(_names)
    client.set(f"{{iles:test:{host}}}:meta", "mine")
    with pytest.raises(JournalError, match=f"{where} refuses: .*wrong kind of value"):
        _journal(server, host).claim()
    nobody = RedisJournal("redis://:wrong-secret@127.0.0.1:1/0", "test", "h")
    with pytest.raises(JournalAway, match=r"127\.0\.0\.1:1 cannot be reached") as caught:
        nobody.claim()
    assert "secret" not in str(caught.value)


def test_a_server_tells_what_it_does_not_promise(tmp_path: Path) -> None:
    """Our own server keeps every promise; one that syncs once a second, evicts, or keeps silent is told apart."""
    with EmbeddedRedis(tmp_path / "data") as own, redis.Redis.from_url(own.url) as client:
        where = own.url.rpartition("@")[2]
        assert durability_faults(own.url) == ()
        client.config_set("appendfsync", "everysec", "maxmemory-policy", "allkeys-lru")
        assert [fault.partition("(")[2].partition(",")[0] for fault in durability_faults(own.url)] == [
            "appendfsync is everysec",
            "maxmemory-policy is allkeys-lru",
        ]
        client.config_set("appendfsync", "always", "maxmemory-policy", "noeviction")
        client.acl_setuser("guest", enabled=True, passwords=["+guest"], categories=["+@all"], commands=["-config"])
        assert [fault.partition(" does ")[2] for fault in durability_faults(f"redis://guest:guest@{where}")] == [
            "not tell appendfsync, no-appendfsync-on-rewrite: whether it keeps the journal is for its operator to say"
        ]
        client.config_set("appendonly", "no")
        assert [fault.partition(" keeps ")[2][:19] for fault in durability_faults(own.url)] == ["no append-only file"]
    with pytest.raises(JournalAway):
        durability_faults("redis://127.0.0.1:1")


def test_faults_of_our_own_are_named(server: EmbeddedRedis) -> None:
    """Writing unclaimed, out of order, or something else under a number that was given: all are faults of the host."""
    journal = _journal(server, next(_names))
    with pytest.raises(ProgrammingFault, match="must be claimed"):
        journal.append(1, b"a", 1)
    journal.claim()
    journal.append(1, b"a", 1)
    with pytest.raises(ProgrammingFault, match="other data"):
        journal.append(1, b"b", 1)
    journal.append(2, b"b", 1)
    with pytest.raises(ProgrammingFault, match="comes after entry 2"):
        journal.append(1, b"a", 1)
    journal.close()


def test_a_unix_socket_serves_as_well(server: EmbeddedRedis, tmp_path: Path) -> None:
    """An address of the unix scheme, of a server that is not there, is named by its path."""
    path = tmp_path / "none.sock"
    with pytest.raises(JournalAway, match=r"none\.sock cannot be reached"):
        RedisJournal(f"unix://{path}?password=secret", "test", "h").claim()
