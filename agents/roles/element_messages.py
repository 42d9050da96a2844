"""What prosumer and aggregator tell each other of elements between two sessions.

Which one cannot be reached, or which is free; and what of a contract has to be kept available.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import ClassVar

from cim.codec.codec import wire
from market.uftp import IspPower


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


@wire("element.CapacityReserved")
@dataclass(frozen=True, slots=True)
class CapacityReserved:
    """The aggregator passes on what of its own reservation a member keeps available on a day, as its contract pays it to.

    It says all of that day's: ISPs that are not in it are free.
    """

    period: date
    contract_id: str
    isps: tuple[IspPower, ...]
