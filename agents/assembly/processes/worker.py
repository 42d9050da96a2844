"""A process that holds one host and its part of the world: `python -m agents.assembly.processes.worker SOCKET`.

It ends with its socket. What it is told first is the module with the wire types, then the import path of its part of the world
and that one's arguments.
"""

from __future__ import annotations

import signal
import socket
import sys
import traceback
from importlib import import_module

from agents.assembly.processes.messages import FAULT, INPUT, OK, receive, send
from agents.runtime.host.effects import Executor
from agents.runtime.host_setup import HostSetup
from agents.runtime.imports import imported
from agents.runtime.local import inline
from agents.runtime.loops import spare_collector
from agents.runtime.served_host import EncodedOutcome, ServedHost
from cim.model.errors import BadInput, IlesError

_OF_HOST = ("configure", "listen", "open", "fresh", "recall", "health", "snapshot", "close")


class _Worker:
    """The host and the part of the world that this process holds."""

    def __init__(self) -> None:
        self._host = ServedHost(_here, lambda _: None)
        self._world: object = None  # until it is told which

    def answer(self, request: object) -> object:
        """What comes of a request. Raises BadInput for one that nobody knows, and whatever it raises itself."""
        host = self._host
        match request:
            case ("types", str() as module):
                import_module(module)
                return None
            case ("world", str() as make, *arguments):
                self._world = imported(make)(*arguments)
                return None
            case ("host", "work", bytes() as now, int() as number, list() | tuple() as parcels, int() as settled):
                return _plain(host.work(now, number, list(parcels), settled))
            case ("host", "resume"):
                return [_plain(outcome) for outcome in host.resume()]
            case ("host", str() as method, *arguments) if method in _OF_HOST:
                return getattr(host, method)(*arguments)
            case ("of world", str() as method, *arguments) if not method.startswith("_"):
                return getattr(self._world, method)(*arguments)
        raise BadInput(f"request: {str(request)[:40]!r} is unknown")

    def close(self) -> None:
        """Let go of everything."""
        self._host.close()


def serve(wire: socket.socket) -> None:
    """Answer until the other side is gone."""
    spare_collector()
    worker = _Worker()
    while True:
        try:
            request = receive(wire)
        except (EOFError, OSError):
            worker.close()
            return
        try:
            answer = worker.answer(request)
        except BadInput as error:
            send(wire, (INPUT, str(error)))
        except IlesError as error:
            send(wire, (FAULT, str(error)))
        except Exception as error:
            place = traceback.extract_tb(error.__traceback__)[-1]
            send(wire, (FAULT, f"{type(error).__name__}: {error} ({place.filename}:{place.lineno})"))
        else:
            send(wire, (OK, answer))


def _plain(outcome: EncodedOutcome) -> EncodedOutcome:
    """With each parcel as bytes, however large."""
    rest, mail = outcome
    return rest, {host: bytes(data) for host, data in mail.items()}


def _here(setup: HostSetup) -> Executor:
    return inline(setup.jobs)


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # who started it ends it, by closing the socket
    serve(socket.socket(fileno=int(sys.argv[1])))
