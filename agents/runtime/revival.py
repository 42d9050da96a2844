"""A host whose process died and that works again."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Revival:
    """A host that was brought back.

    Attributes:
        seconds: from its death being noticed until it worked again.
        at: when it worked again, on `time.monotonic`.
    """

    host: str
    seconds: float
    at: float
