"""What a prosumer tells its aggregator of its elements between two sessions: which one it cannot reach any more."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from cim.codec.codec import wire


@wire("element.Lost")
@dataclass(frozen=True, slots=True)
class ElementLost:
    """An element does not answer, or may offer nothing any more: what was offered of it cannot be counted on."""

    urgent: ClassVar[bool] = True
    element: str
    reason: str
