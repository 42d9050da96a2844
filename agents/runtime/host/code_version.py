"""Which program this is: events that one program lived through must not be lived through again by another."""

from __future__ import annotations

import hashlib
from functools import cache
from importlib import import_module
from pathlib import Path

import numpy as np

# What decides how an agent's state comes of its events, and what its state is made of.
_DECIDING = ("agents.roles", "agents.planning", "market", "cim.model", "devices.port")
_LENGTH = 8


@cache
def program() -> bytes:
    """8 bytes that change with the code (and the numpy) through which events become state."""
    digest = hashlib.sha256(f"numpy {np.__version__}".encode())
    for name in _DECIDING:
        file = Path(import_module(name).__file__ or "")
        for source in sorted(file.parent.rglob("*.py")) if file.name == "__init__.py" else (file,):
            digest.update(f"\0{name}/{source.relative_to(file.parent)}\0".encode())
            digest.update(source.read_bytes())
    return digest.digest()[:_LENGTH]
