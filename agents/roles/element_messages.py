"""What a prosumer tells its aggregator of its elements between two sessions: which one it cannot reach, or which is free."""

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


@wire("element.OrderReleased")
@dataclass(frozen=True, slots=True)
class OrderReleased:
    """The vehicle that an order was meant for is another, or left: from here on its station is held to none of these ISPs.

    They are neither paid nor fined: what the station does in them nobody ordered. It is heard after the order's split.
    """

    order_reference: str
    element: str
    isps: tuple[int, ...]
