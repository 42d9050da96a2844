"""A cluster of three nodes on this machine, each a server of the kind that we embed; a node can be killed, and come back."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO

import redis

from agents.assembly.free_port import free_port
from agents.assembly.journal_server.binary import server_settings
from agents.assembly.journal_server.process import await_answer, log_size, spawn, take_folder

_SLOTS, _PATIENCE_S = 16_384, 60.0


class Node:
    """One of them.

    Args:
        timeout_ms: without a word of it, the others take it for lost.
    """

    def __init__(self, home: Path, timeout_ms: int) -> None:
        self.home, self.port, self.bus = home, free_port(), free_port()
        self._timeout_ms = timeout_ms
        self._lock: IO[bytes] | None = None
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """Of this node alone."""
        return f"redis://:word@127.0.0.1:{self.port}"

    def start(self) -> None:
        """Start it, on what it kept."""
        self._lock = take_folder(self.home)
        settings = (
            f"cluster-enabled yes\ncluster-port {self.bus}\ncluster-announce-ip 127.0.0.1\nmasterauth word\n"
            f"cluster-node-timeout {self._timeout_ms}\n"
        )
        log_from = log_size(self.home)
        self._process = spawn(self.home, self._lock, server_settings(self.home, self.port, "word", None) + settings)
        await_answer(self._process, self.url, self.home, log_from, _PATIENCE_S)

    def kill(self) -> None:
        """SIGKILL."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None
        if self._lock is not None:
            self._lock.close()
            self._lock = None


class Cluster:
    """Three nodes, each with a third of the slots.

    Attributes:
        url: by the first of them; `by_all`: by whichever answers.
    """

    def __init__(self, nodes: list[Node]) -> None:
        self.nodes = nodes
        self.url = nodes[0].url.replace("redis://", "redis+cluster://")
        self.by_all = ",".join((self.url, *(f"127.0.0.1:{node.port}" for node in nodes[1:])))

    def await_whole(self) -> None:
        """Wait until all nodes know each other and have all slots."""
        end = time.monotonic() + _PATIENCE_S
        while not all(_knows_all(node) for node in self.nodes):
            assert time.monotonic() < end
            time.sleep(0.05)


@contextmanager
def three_nodes(folder: Path, timeout_ms: int = 15_000) -> Iterator[Cluster]:
    """A cluster while it lives."""
    nodes = [Node(folder / f"node-{number}", timeout_ms) for number in range(3)]
    with ExitStack() as cleanup:
        for number, node in enumerate(nodes):
            cleanup.callback(node.kill)
            node.start()
            with redis.Redis.from_url(node.url) as client:
                low, high = _SLOTS * number // 3, _SLOTS * (number + 1) // 3 - 1
                client.execute_command("CLUSTER", "ADDSLOTSRANGE", low, high)
                if number:
                    client.execute_command("CLUSTER", "MEET", "127.0.0.1", nodes[0].port, nodes[0].bus)
        cluster = Cluster(nodes)
        cluster.await_whole()
        yield cluster


def _knows_all(node: Node) -> bool:
    with redis.Redis.from_url(node.url) as client:
        told = client.cluster("info")
        return told["cluster_state"] == "ok" and told["cluster_known_nodes"] == "3"
