"""A cluster of three nodes on this machine, each a server of the kind that we embed."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import redis

from agents.assembly.journal_server.binary import server_settings
from agents.assembly.journal_server.process import await_answer, free_port, spawn, take_folder

_SLOTS, _PATIENCE_S = 16_384, 60.0


@contextmanager
def three_nodes(folder: Path) -> Iterator[str]:
    """Their address; each has a third of the slots."""
    ports, buses = [free_port() for _ in range(3)], [free_port() for _ in range(3)]
    with ExitStack() as cleanup:
        for number, (port, bus) in enumerate(zip(ports, buses, strict=True)):
            home = folder / f"node-{number}"
            lock = take_folder(home)
            cleanup.callback(lock.close)
            settings = f"cluster-enabled yes\ncluster-port {bus}\ncluster-announce-ip 127.0.0.1\nmasterauth word\n"
            process = spawn(home, lock, server_settings(home, port, "word", None) + settings)
            cleanup.callback(process.wait)
            cleanup.callback(process.terminate)
            await_answer(process, _plain(port), home, 0, _PATIENCE_S)
            with redis.Redis.from_url(_plain(port)) as node:
                node.execute_command("CLUSTER", "ADDSLOTSRANGE", _SLOTS * number // 3, _SLOTS * (number + 1) // 3 - 1)
                if number:
                    node.execute_command("CLUSTER", "MEET", "127.0.0.1", ports[0], buses[0])
        end = time.monotonic() + _PATIENCE_S
        while not all(_knows_all(port) for port in ports):
            assert time.monotonic() < end
            time.sleep(0.05)
        yield _plain(ports[0]).replace("redis://", "redis+cluster://")


def _plain(port: int) -> str:
    return f"redis://:word@127.0.0.1:{port}"


def _knows_all(port: int) -> bool:
    with redis.Redis.from_url(_plain(port)) as node:
        told = node.cluster("info")
        return told["cluster_state"] == "ok" and told["cluster_known_nodes"] == "3"
