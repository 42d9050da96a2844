"""Reading a device of any kind, as a host does it."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from cim.model.devices import News
from cim.model.readings import Reading
from devices.port.tells import Tells


async def read(port: Any, now: datetime) -> tuple[tuple[Reading, ...], tuple[News, ...]]:
    """Let it tell what it has to, measure it, and take its news; a device without news has none."""
    if not isinstance(port, Tells):
        return await port.measure(now), ()
    await port.sync(now)
    return await port.measure(now), port.drain()
