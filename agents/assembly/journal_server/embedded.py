"""A journal server of our own for one machine: started below this process, restarted when it dies, gone when we are gone."""

from __future__ import annotations

import atexit
import secrets
import subprocess
import threading
import time
from pathlib import Path
from types import TracebackType
from typing import IO

from agents.assembly.free_port import free_port
from agents.assembly.journal_server.binary import server_binary, server_settings
from agents.assembly.journal_server.process import ServerExit, await_answer, log_size, spawn, take_folder
from agents.runtime.journal.port import JournalAway
from cim.model.errors import IlesError

_FIRST_DELAY_S, _LAST_DELAY_S = 0.1, 5.0
_SHORT_S = 0.2  # a server that dies sooner after its first answer is broken (full disk), not only killed: wait longer
_PORTS_TRIED = 5


class EmbeddedRedis:
    """A Valkey or Redis server on 127.0.0.1, with a random password and a port that it keeps over restarts.

    Args:
        folder: where its append-only files live; what an earlier run left there is loaded.
        maxmemory_bytes: from here on it refuses to keep more (JournalFull); None: no limit.
        start_timeout_s: longest wait for it to load its data, seconds.

    Every start happens on one thread that lives as long as this object is started: the kernel ends a child when the thread
    that started it ends (Linux; elsewhere the child is ended when this process exits in order), so a short-lived caller
    must not be that thread.
    """

    def __init__(self, folder: Path, maxmemory_bytes: int | None = None, start_timeout_s: float = 60.0) -> None:
        self.folder = folder.absolute()
        self._maxmemory_bytes, self._start_timeout_s = maxmemory_bytes, start_timeout_s
        self._password = secrets.token_hex(24)
        self._port = 0  # fixed by the first start that succeeds, so that clients find it again
        self._lock: IO[bytes] | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._thread: threading.Thread | None = None
        self._changed = threading.Condition()  # guards what follows
        self._wanted = self._keep = self._stopping = self._ready = False
        self._fault: IlesError | None = None

    @property
    def url(self) -> str:
        """Address with password, the same over restarts. Raises JournalAway before the first start."""
        if self._port == 0:
            raise JournalAway("the embedded journal server was not started yet: it has no address")
        return self._url(self._port)

    @property
    def alive(self) -> bool:
        """Whether the server runs, and has answered since its last start."""
        return self._ready

    @property
    def pid(self) -> int | None:
        """Process id of the running server, None when there is none."""
        process = self._process
        return None if process is None else process.pid

    def start(self) -> None:
        """Start it and wait until it answers. Raises BadInput (no binary), JournalError (its folder or what is in it)."""
        if self._thread is not None:
            self.ensure()
            return
        server_binary()
        self._lock = take_folder(self.folder)
        self._stopping = self._keep = self._wanted = False
        self._thread = threading.Thread(target=self._attend, args=(self._lock,), name="embedded-redis", daemon=True)
        self._thread.start()
        atexit.register(self.stop)
        try:
            self.ensure()
        except BaseException:  # also an interrupt at the keyboard must not leave a server behind
            self.stop()
            raise

    def ensure(self) -> bool:
        """Wait until it runs and answers, starting it if need be. True when it was not running. Raises JournalError."""
        with self._changed:
            if self._thread is None or self._stopping:
                raise JournalAway("the embedded journal server is not started")
            if self._ready:
                return False
            self._wanted, self._fault = True, None
            self._changed.notify_all()
            self._changed.wait_for(lambda: self._ready or self._fault is not None or self._stopping)
            if self._fault is not None:
                raise self._fault
            if self._stopping:
                raise JournalAway("the embedded journal server was stopped while it was waited for")
            return True

    def keep_alive(self) -> None:
        """From now until `stop`, restart it whenever it dies, after growing delays from 0.1 s to 5 s."""
        with self._changed:
            self._keep = True
            self._changed.notify_all()

    def stop(self) -> None:
        """End the server (its data stay) and let go of the folder; does nothing when it was not started."""
        thread = self._thread
        if thread is None:
            return
        with self._changed:
            self._stopping = True
            self._changed.notify_all()
        for end in (subprocess.Popen.terminate, subprocess.Popen.kill):
            process = self._process
            if process is not None:
                end(process)
            thread.join(timeout=5.0)
            if not thread.is_alive():
                break
        self._thread = None
        if self._lock is not None:
            self._lock.close()
            self._lock = None
        atexit.unregister(self.stop)

    def __enter__(self) -> EmbeddedRedis:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _url(self, port: int) -> str:
        return f"redis://:{self._password}@127.0.0.1:{port}/0"

    def _attend(self, lock: IO[bytes]) -> None:
        """The one thread that starts the server and waits for its end; nobody waits for it when it is gone itself."""
        try:
            self._start_and_wait(lock)
        finally:
            with self._changed:
                self._stopping = True
                self._changed.notify_all()

    def _start_and_wait(self, lock: IO[bytes]) -> None:
        """Start the server when it is wanted, wait for its end, and again."""
        delay = 0.0
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._stopping or self._wanted, timeout=delay)
                self._changed.wait_for(lambda: self._stopping or self._wanted or self._keep)
                if self._stopping:
                    return
            longer = min(max(2 * delay, _FIRST_DELAY_S), _LAST_DELAY_S)
            try:
                process = self._run_up(lock)
            except IlesError as fault:
                self._say(ready=False, fault=fault)
                delay = longer
                continue
            self._say(ready=True, fault=None)
            since = time.monotonic()
            process.wait()
            self._say(ready=False, fault=None)
            delay = _FIRST_DELAY_S if time.monotonic() - since > _SHORT_S else longer

    def _run_up(self, lock: IO[bytes]) -> subprocess.Popen[bytes]:
        """A server that answers; before the first success another port is tried when one was taken in the meantime."""
        for _ in range(1 if self._port else _PORTS_TRIED):
            port = self._port or free_port()
            log_from = log_size(self.folder)
            settings = server_settings(self.folder, port, self._password, self._maxmemory_bytes)
            process = spawn(self.folder, lock, settings)
            with self._changed:
                self._process = process
                if self._stopping:
                    process.kill()
            try:
                await_answer(process, self._url(port), self.folder, log_from, self._start_timeout_s)
            except ServerExit as error:
                process.kill()
                process.wait()
                fault = error
                if "in use" not in str(error).lower():
                    break
            else:
                self._port = port
                return process
        raise fault

    def _say(self, *, ready: bool, fault: IlesError | None) -> None:
        """Tell those who wait how it stands."""
        with self._changed:
            self._ready, self._fault = ready, fault
            if ready:
                self._wanted = False
            else:
                self._process = None
            if fault is not None:
                self._wanted = False
            self._changed.notify_all()
