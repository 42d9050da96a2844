"""A port for a server of our own, chosen before the server is started."""

from __future__ import annotations

import random
import socket
from pathlib import Path

_EPHEMERAL = Path("/proc/sys/net/ipv4/ip_local_port_range")
_FIRST, _TRIES = 15_000, 100


def free_port() -> int:
    """A TCP port of the loopback interface that nobody uses now, and that no client is given meanwhile.

    It lies outside the range that the kernel gives to outgoing connections: a port of that range may be taken by a client
    before the server binds it, or between a server's end and its next start.
    """
    for _ in range(_TRIES):
        port = random.SystemRandom().randrange(_FIRST, _ephemeral_from())
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _ephemeral_from() -> int:
    try:
        first = int(_EPHEMERAL.read_text().split()[0])
    except (OSError, ValueError, IndexError):
        return 32_768  # Linux's own
    return first if first > _FIRST + _TRIES else 32_768
