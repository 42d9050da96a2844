"""One worker process as its owner sees it."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys

from agents.assembly.processes.messages import answer_to, receive, send
from cim.model.errors import IlesError

_END_S = 30.0  # to let go of everything once its socket is closed


class WorkerLost(IlesError):
    """A worker process ended although it was needed; nothing of it is kept."""


class WorkerProcess:
    """Asks one thing at a time: `ask`, or `begin` and later `end`, so that several work side by side.

    Args:
        name: of its host, for whoever reads an error.
        wire_types: the module that declares what may cross.
        world: import path of its part of the world, and that one's arguments.

    Attributes:
        process: for whoever looks after it.
    """

    def __init__(self, name: str, wire_types: str, world: tuple[str, tuple[object, ...]]) -> None:
        self.name = name
        here, there = socket.socketpair()
        command = [sys.executable, "-m", "agents.assembly.processes.worker", str(there.fileno())]
        # The paths of this process, however it came by them: a worker must not find another version of the same modules.
        paths = os.pathsep.join(path for path in sys.path if path)
        with there:
            self.process = subprocess.Popen(  # noqa: S603 - this very interpreter
                command, pass_fds=(there.fileno(),), stdin=subprocess.DEVNULL, env={**os.environ, "PYTHONPATH": paths}
            )
        self._wire = here
        self._owed = 0  # answers that nobody has fetched yet
        make, arguments = world
        self.begin("types", wire_types)
        self.begin("world", make, *arguments)  # it is made while its owner goes on; `end` hears of it

    def begin(self, *request: object) -> None:
        """Ask, and do not wait. Raises WorkerLost."""
        try:
            send(self._wire, request)
        except OSError as error:
            raise self._lost() from error
        self._owed += 1

    def end(self) -> object:
        """What came of what was begun last; what was begun before it and failed is raised.

        Raises:
            BadInput, IlesError: see `answer_to`.
            WorkerLost: the process is gone.
        """
        found: object = None
        while self._owed:
            try:
                told = receive(self._wire)
            except (EOFError, OSError) as error:
                raise self._lost() from error
            self._owed -= 1
            found = answer_to(told)
        return found

    def ask(self, *request: object) -> object:
        """`begin` and `end`."""
        self.begin(*request)
        return self.end()

    def close(self) -> None:
        """End the process. Safe to call twice."""
        self._wire.close()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(_END_S)
            return
        self.process.kill()
        self.process.wait()

    def _lost(self) -> WorkerLost:
        return WorkerLost(f"{self.name}: its process ended (exit code {self.process.wait()}); expected it to the end")
