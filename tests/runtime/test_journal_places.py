"""Servers in other places than ours keep a journal just so: a cluster, and one behind a Unix socket."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis

from agents.assembly.free_port import free_port
from agents.assembly.journal_server.binary import server_settings
from agents.assembly.journal_server.process import await_answer, spawn, take_folder
from agents.runtime.journal import JournalAway, JournalEmptied, JournalFenced
from agents.runtime.journal.durability import durability_faults
from agents.runtime.journal.redis_journal import RedisJournal

pytestmark = pytest.mark.slow


@pytest.fixture
def places(tmp_path: Path) -> Iterator[dict[str, str]]:
    """Addresses of a server that is a cluster of one node, and of another behind a socket."""
    port, path = free_port(), tmp_path / "s"
    more = {
        "cluster": f"cluster-enabled yes\ncluster-port {free_port()}\ncluster-announce-ip 127.0.0.1\n",
        "socket": f"port 0\nunixsocket {path}\n",
    }
    plain = {"cluster": f"redis://:word@127.0.0.1:{port}", "socket": f"unix://{path}?password=word"}
    started = []
    for name, settings in more.items():
        folder = tmp_path / name
        lock = take_folder(folder)
        process = spawn(folder, lock, server_settings(folder, port, "word", None) + settings)
        started.append((process, lock))
        await_answer(process, plain[name], folder, 0, 30.0)
    with redis.Redis.from_url(plain["cluster"]) as node:
        node.execute_command("CLUSTER", "ADDSLOTSRANGE", 0, 16383)
        for _ in range(3000):
            if "ok" in str(node.cluster("info")["cluster_state"]):
                break
            time.sleep(0.01)
    yield {"cluster": plain["cluster"].replace("redis://", "redis+cluster://"), "socket": plain["socket"]}
    for process, lock in started:
        process.terminate()
        process.wait()
        lock.close()


@pytest.mark.parametrize("place", ["cluster", "socket"])
def test_a_journal_is_kept_fenced_and_made_whole_there(places: dict[str, str], place: str) -> None:
    """Appends, a repeat, the next life, an emptied server and what it promises: all as on a server of our own."""
    url = places[place]
    assert durability_faults(url) == ()
    older, newer = RedisJournal(url, "test", "h"), RedisJournal(url, "test", "h")
    assert older.claim() == ()
    for number in range(1, 101):
        older.append(number, b"%d" % number, 1)
    older.append(100, b"100", 1)
    assert newer.claim() == tuple((number, b"%d" % number) for number in range(1, 101))
    with pytest.raises(JournalFenced):
        older.append(101, b"ghost", 1)
    others = [RedisJournal(url, "test", f"host-{number}") for number in range(20)]  # on many slots of a cluster
    for other in others:
        assert other.claim() == ()
        other.append(1, b"a", 1)
        other.close()
    with redis.Redis.from_url(url.replace("+cluster", "")) as node:
        node.flushall()
    with pytest.raises(JournalEmptied):
        newer.append(101, b"101", 1)
    newer.rewrite(101, b"whole")
    newer.append(102, b"102", 101)
    assert newer.claim() == ((101, b"whole"), (102, b"102"))
    older.close()
    newer.close()


def test_a_server_of_a_cluster_addressed_as_a_single_one_sends_away(places: dict[str, str]) -> None:
    """A node that serves no slot of ours says so, as one sentence."""
    url = places["cluster"].replace("+cluster", "")
    with redis.Redis.from_url(url) as node:
        node.execute_command("CLUSTER", "DELSLOTSRANGE", 0, 16383)
    with pytest.raises(JournalAway, match="cannot"):
        RedisJournal(url, "test", "h").claim()
    with pytest.raises(JournalAway, match="cannot"):
        RedisJournal(places["cluster"], "test", "h", 0.5).claim()
