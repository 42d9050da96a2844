"""A port that a server of ours can have."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from agents.assembly import free_port as room
from agents.assembly.free_port import free_port


def test_no_client_is_given_the_port_meanwhile() -> None:
    """It can be bound, and lies outside what the kernel gives to outgoing connections, which come and go all the time."""
    first, last = map(int, Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split())
    for _ in range(50):
        port = free_port()
        assert not first <= port <= last
        with socket.create_server(("127.0.0.1", port)):
            pass


def test_a_port_in_use_is_not_chosen(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever listens keeps its port; where all of ours are taken, the kernel chooses."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        monkeypatch.setattr(room, "_FIRST", port)
        monkeypatch.setattr(room, "_ephemeral_from", lambda: port + 1)
        assert free_port() != port
