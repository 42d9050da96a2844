"""A way to a server on which an answer can be lost: what was asked is done, and the connection breaks before that is told."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress


class CutWire:
    """Passes bytes on between clients and a server on this machine.

    Attributes:
        port: where clients find it.
        seen: how often each word of interest went to the server.
    """

    def __init__(self, server_port: int, *words: str) -> None:
        self._server_port = server_port
        self._lost: str | None = None
        self._door = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._door.getsockname()[1]
        self.seen = dict.fromkeys(words, 0)
        threading.Thread(target=self._listen, daemon=True).start()

    def lose_answer_to(self, word: str) -> None:
        """The next request with this word is done, and its answer lost with the connection."""
        self._lost = word

    def close(self) -> None:
        """Let nobody in any more."""
        self._door.close()

    def _listen(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._door.accept()
                threading.Thread(target=self._pass_on, args=(client,), daemon=True).start()

    def _pass_on(self, client: socket.socket) -> None:
        """One request after the other: a client here waits for each answer, which is small enough to come in one piece."""
        with client, socket.create_connection(("127.0.0.1", self._server_port)) as server, suppress(OSError):
            while request := client.recv(1 << 20):
                server.sendall(request)
                answer = server.recv(1 << 20)
                for word in self.seen:
                    self.seen[word] += word.encode() in request
                if self._lost is not None and self._lost.encode() in request:
                    self._lost = None
                    return
                client.sendall(answer)


@contextmanager
def cut_wire(server_port: int, *words: str) -> Iterator[CutWire]:
    """A wire, to be cut."""
    wire = CutWire(server_port, *words)
    try:
        yield wire
    finally:
        wire.close()
