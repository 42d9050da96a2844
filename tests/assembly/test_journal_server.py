"""The embedded server: killed, full, in use or damaged, what it acknowledged is there, and what it cannot do is one sentence."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from agents.assembly.journal_server import process
from agents.assembly.journal_server.embedded import EmbeddedRedis
from agents.runtime.journal import JournalAway, JournalError, JournalFull
from agents.runtime.journal.redis_journal import RedisJournal

pytestmark = pytest.mark.slow

_PARENT = """
import sys, time
from pathlib import Path
from agents.assembly.journal_server.embedded import EmbeddedRedis
server = EmbeddedRedis(Path(sys.argv[1]))
server.start()
print(server.pid, server.url, flush=True)
time.sleep(600)
"""


def _until(wanted: Callable[[], bool], what: str) -> None:
    """Wait for a condition; the limit is far above anything that is meant."""
    for _ in range(3000):
        if wanted():
            return
        time.sleep(0.01)
    raise AssertionError(what)


class _Writer(threading.Thread):
    """A host that appends without pause, tries again while the server is away, and notes what was acknowledged."""

    def __init__(self, url: str, host: str) -> None:
        super().__init__()
        self.journal = RedisJournal(url, "test", host)
        self.acknowledged: list[tuple[int, bytes]] = []
        self.away = 0
        self.stop = threading.Event()
        self.failed: Exception | None = None

    def run(self) -> None:
        """Append until told to stop."""
        try:
            self.journal.claim()
            while not self.stop.is_set():
                number = len(self.acknowledged) + 1
                data = b"%d of %s" % (number, self.name.encode())
                while not self._kept(number, data):
                    time.sleep(0.02)
                self.acknowledged.append((number, data))
        except Exception as error:
            self.failed = error
        finally:
            self.journal.close()

    def _kept(self, number: int, data: bytes) -> bool:
        try:
            self.journal.append(number, data, 1)
        except JournalAway:
            self.away += 1
            return False
        return True


def test_killed_twenty_times_under_load_it_loses_and_doubles_nothing(tmp_path: Path) -> None:
    """Three hosts append without pause while the server is killed 20 times: every acknowledged entry is there once, in order."""
    draw = random.Random(3)
    with EmbeddedRedis(tmp_path / "data") as server:
        server.keep_alive()
        writers = [_Writer(server.url, f"host-{number}") for number in range(3)]
        for writer in writers:
            writer.start()
        for _ in range(20):
            before = [len(writer.acknowledged) for writer in writers]
            _until(
                lambda before=before: all(len(w.acknowledged) > n for w, n in zip(writers, before, strict=True)),
                "the hosts go on after a kill",
            )
            time.sleep(draw.uniform(0.2, 0.4))
            pid = server.pid
            assert pid is not None
            os.kill(pid, signal.SIGKILL)
            _until(lambda pid=pid: server.alive and server.pid != pid, "the server comes back")
        for writer in writers:
            writer.stop.set()
        for writer in writers:
            writer.join()
            assert writer.failed is None
            assert writer.acknowledged
            found = RedisJournal(server.url, "test", writer.journal._host).claim()
            assert list(found) == writer.acknowledged
        assert sum(writer.away for writer in writers) >= 20
    assert server.pid is None


def test_a_full_server_says_so_and_recovers_by_a_trim_or_a_rewrite(tmp_path: Path) -> None:
    """Out of memory: JournalFull and nothing is half kept; an entry that lets go of the older ones fits, and so does a rewrite."""
    with EmbeddedRedis(tmp_path / "data", maxmemory_bytes=8_000_000) as server:
        journal = RedisJournal(server.url, "test", "h")
        journal.claim()

        def fill(first: int, base: int) -> int:
            for number in range(first, first + 1000):
                try:
                    journal.append(number, bytes(50_000), base)
                except JournalFull:
                    return number
            raise AssertionError("it was never full")

        full_at = fill(1, 1)
        with pytest.raises(JournalFull, match="has no room left"):
            journal.append(full_at, bytes(50_000), 1)
        assert full_at > 10
        journal.append(full_at, b"base", full_at)
        again = fill(full_at + 1, full_at)
        assert again > full_at + 10
        heir = RedisJournal(server.url, "test", "h")  # a host that dies over a full journal finds it, full as it is
        assert [number for number, _ in heir.claim()] == list(range(full_at, again))
        heir.rewrite(again, b"whole")
        heir.append(again + 1, b"step", again)
        assert heir.claim() == ((again, b"whole"), (again + 1, b"step"))
        journal.close()
        heir.close()


def test_what_an_earlier_run_left_is_loaded(tmp_path: Path) -> None:
    """Stopped and started again on its folder, also by a new object: the entries are there, leftovers of a crash are not."""
    server = EmbeddedRedis(tmp_path / "data")
    with pytest.raises(JournalAway, match="not started yet"):
        _ = server.url
    server.start()
    server.start()
    address = server.url
    journal = RedisJournal(address, "test", "h")
    journal.claim()
    journal.append(1, b"a", 1)
    journal.close()
    server.stop()
    server.stop()
    assert not server.alive
    (tmp_path / "data" / "temp-rewriteaof-bg-1.aof").write_bytes(b"half")
    server.start()
    assert server.url == address
    server.stop()
    assert not list((tmp_path / "data").glob("temp-*"))
    with EmbeddedRedis(tmp_path / "data") as later:
        assert later.url != address
        assert RedisJournal(later.url, "test", "h").claim() == ((1, b"a"),)


def test_an_append_that_a_crash_cut_short_is_dropped(tmp_path: Path) -> None:
    """Half a record at the end of the file (a power cut): the server starts without it, and what came before is there."""
    with EmbeddedRedis(tmp_path / "data") as server:
        journal = RedisJournal(server.url, "test", "h")
        journal.claim()
        journal.append(1, b"a", 1)
        journal.append(2, b"b", 1)
    (file,) = (tmp_path / "data" / "appendonlydir").glob("*.incr.aof")
    file.write_bytes(file.read_bytes()[:-20])
    with EmbeddedRedis(tmp_path / "data") as server:
        assert RedisJournal(server.url, "test", "h").claim() == ((1, b"a"),)


def test_a_dead_server_is_started_by_ensure_on_the_same_address(tmp_path: Path) -> None:
    """A supervisor that asks now and then gets it back, and clients find it where it was."""
    with EmbeddedRedis(tmp_path / "data") as server:
        address, pid = server.url, server.pid
        assert pid is not None
        assert not server.ensure()
        os.kill(pid, signal.SIGKILL)
        _until(lambda: not server.alive, "its death is noticed")
        assert server.ensure()
        assert server.alive
        assert server.url == address
    with pytest.raises(JournalAway, match="is not started"):
        server.ensure()


def test_the_password_is_on_no_command_line_and_in_no_file(tmp_path: Path) -> None:
    """Neither a list of processes nor the folder shows it, and what is in the folder is for its owner only."""
    with EmbeddedRedis(tmp_path / "data") as server:
        password = server.url.partition("@")[0].rpartition(":")[2]
        assert len(password) >= 32
        command = subprocess.run(
            ["ps", "-o", "args=", "-p", str(server.pid)], capture_output=True, text=True, check=True
        )
        assert command.stdout.strip()
        assert password not in command.stdout
        files = [path for path in (tmp_path / "data").rglob("*") if path.is_file()]
        assert len(files) >= 4
        assert not any(password.encode() in path.read_bytes() for path in files)
        assert not [path for path in files if path.name != "lock" and path.stat().st_mode & 0o077]


@pytest.mark.skipif(sys.platform != "linux", reason="needs PR_SET_PDEATHSIG")
def test_it_dies_with_its_parent_and_the_folder_is_free_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """While its parent lives, nobody else gets the folder; the parent killed, the next run takes over at once."""
    folder = tmp_path / "data"
    with subprocess.Popen([sys.executable, "-c", _PARENT, str(folder)], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        pid, url = parent.stdout.readline().split()
        journal = RedisJournal(url, "test", "h")
        journal.claim()
        journal.append(1, b"a", 1)
        with monkeypatch.context() as hasty:
            hasty.setattr(process, "_LOCK_S", 0.2)
            with pytest.raises(JournalError, match="in use by another running server"):
                EmbeddedRedis(folder).start()
        os.kill(int(pid), signal.SIGSTOP)  # also a server that is stuck must go
        parent.kill()
    with EmbeddedRedis(folder) as server:
        assert RedisJournal(server.url, "test", "h").claim() == ((1, b"a"),)
        with pytest.raises(JournalAway):
            journal.append(2, b"b", 1)
    journal.close()


def test_a_folder_that_cannot_be_used_is_named(tmp_path: Path) -> None:
    """A file in its place, or data that are no data: one sentence with the folder and the server's own words, no server left."""
    (tmp_path / "file").write_text("x")
    with pytest.raises(JournalError, match="file cannot be written to"):
        EmbeddedRedis(tmp_path / "file").start()
    (tmp_path / "data" / "appendonlydir").mkdir(parents=True)
    (tmp_path / "data" / "appendonlydir" / "appendonly.aof.manifest").write_text("rubbish\n")
    server = EmbeddedRedis(tmp_path / "data")
    with pytest.raises(JournalError, match=r"ended at its start: .*manifest"):
        server.start()
    assert server.pid is None


def test_what_ends_our_whole_group_does_not_end_it(tmp_path: Path) -> None:
    """Ctrl-C is for us: the server takes what we still have to write, and ends when we tell it to."""
    with EmbeddedRedis(tmp_path / "data") as server:
        assert server.pid is not None
        assert os.getpgid(server.pid) != os.getpgid(0)
