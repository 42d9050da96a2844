"""One run of an embedded server: its folder, its process, and the wait until it answers."""

from __future__ import annotations

import contextlib
import fcntl
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import IO

from agents.assembly.journal_server.binary import server_binary
from agents.runtime.journal.port import JournalError
from agents.runtime.journal.wire import connect
from cim.platform.redis_server import wire_errors

_LOCK_S = 5.0  # a server whose parent was killed needs a moment to follow it
_LOG_BYTES = 1_000_000

# Becomes the server after asking the kernel to end it together with us. A process of its own does this, because code that
# runs between fork and exec in a process with threads (preexec_fn) may hang.
_FOLLOW_PARENT = """
import ctypes, os, signal, sys
os.umask(0o077)
if sys.platform == "linux":
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)
    if os.getppid() != int(sys.argv[1]):
        sys.exit("its parent is gone")
os.execv(sys.argv[2], sys.argv[2:])
"""


class ServerExit(JournalError):
    """The server ended, or did not answer, before it was ready; the text holds its own last words."""


def take_folder(folder: Path) -> IO[bytes]:
    """Make the folder and lock it. Raises JournalError when it cannot be written to, or another live server uses it.

    A server inherits the lock, so the lock is held as long as either of us lives, and a crash leaves no stale one.
    """
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not os.access(folder, os.W_OK | os.X_OK):
            raise PermissionError(0, "permission denied")
        lock = (folder / "lock").open("ab")
    except OSError as error:
        raise JournalError(f"the journal's folder {folder} cannot be written to: {error.strerror}") from error
    until = time.monotonic() + _LOCK_S
    while True:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return lock
        except OSError:
            if time.monotonic() > until:
                lock.close()
                raise JournalError(
                    f"the journal's folder {folder} is in use by another running server: stop that one, or choose another folder"
                ) from None
            time.sleep(0.1)


def spawn(folder: Path, lock: IO[bytes], settings: str) -> subprocess.Popen[bytes]:
    """Start a server; the settings (with the password) go through a pipe, never on a disk or a command line.

    Raises JournalError when the process cannot be started, BadInput when there is no binary.
    """
    try:
        for left in folder.glob("temp-*"):  # what a server that was killed while rewriting its file left behind
            left.unlink(missing_ok=True)
        log = folder / "server.log"
        if log.exists() and log.stat().st_size > _LOG_BYTES:
            log.replace(folder / "server.log.1")
        follow = [sys.executable, "-I", "-S", "-c", _FOLLOW_PARENT, str(os.getpid())] if sys.executable else []
        with open(os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600), "ab") as words:
            process = subprocess.Popen(  # noqa: S603 - our own binary, found by ourselves
                [*follow, str(server_binary()), "-"],
                stdin=subprocess.PIPE,
                stdout=words,
                stderr=subprocess.STDOUT,
                cwd=folder,
                pass_fds=(lock.fileno(),),
                start_new_session=True,  # Ctrl-C is for us: the server must outlive our last appends
            )
    except OSError as error:
        raise JournalError(f"the journal's server cannot be started in {folder}: {error}") from error
    assert process.stdin is not None  # noqa: S101 - asked for above
    with contextlib.suppress(BrokenPipeError), process.stdin as pipe:
        pipe.write(settings.encode())  # a server that has ended already is noticed by whoever waits for its answer
    return process


def await_answer(process: subprocess.Popen[bytes], url: str, folder: Path, log_from: int, timeout_s: float) -> None:
    """Wait until it has loaded its data and answers. Raises ServerExit."""
    until = time.monotonic() + timeout_s
    unanswered: tuple[type[Exception], ...] = (JournalError, *wire_errors())
    while True:
        if process.poll() is not None:
            raise ServerExit(f"the journal's server in {folder} ended at its start: {_last_words(folder, log_from)}")
        try:
            client = connect(url, 1.0)
            try:
                client.ping()
            finally:
                client.close()
            return
        except unanswered:
            if time.monotonic() > until:
                raise ServerExit(
                    f"the journal's server in {folder} did not answer within {timeout_s:g} s of its start"
                ) from None
        time.sleep(0.02)


def log_size(folder: Path) -> int:
    """Bytes of the server's log so far."""
    log = folder / "server.log"
    return log.stat().st_size if log.exists() else 0


def _last_words(folder: Path, log_from: int) -> str:
    """The last warning a server wrote, else its last line."""
    with (folder / "server.log").open("rb") as log:
        log.seek(log_from)
        lines = [line for line in log.read().decode("utf-8", "replace").splitlines() if line.strip()]
    warnings = [line.split(" # ", 1)[1] for line in lines if " # " in line]
    return (warnings or lines or ["it said nothing"])[-1].strip()
