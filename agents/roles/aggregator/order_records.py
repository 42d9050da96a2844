"""What is remembered of an order to a member, under which reference it is filed, and what is told of it in the role."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date

from cim.codec.codec import wire
from market.uftp import FlexOrder


@wire("aggregator.MemberOrdersFiling")
@dataclass(frozen=True, slots=True)
class MemberOrdersFiling:
    """The reference under which the members' orders of one cause are filed."""

    cause: str

    def __str__(self) -> str:
        return f"members {self.cause}"


@dataclass(frozen=True, slots=True)
class MembersOrdered:
    """Told inside the role: the members' orders of a cause are recorded, or there are none."""

    cause: str


@dataclass(frozen=True, slots=True)
class MemberOrdersRefused:
    """Told inside the role: the members' orders of a cause are not recorded."""

    cause: str
    fault: str


@dataclass(frozen=True, slots=True)
class MemberMoved:
    """Told inside the role: an order moves a member's elements by so many watts, each (ISP, watts)."""

    member: str
    period: date
    isps: tuple[tuple[int, int], ...]


@wire("aggregator.MemberOrder")
@dataclass(frozen=True, slots=True)
class MemberOrder:
    """An order to a member.

    Attributes:
        baselines_w: by element, on its session's ISPs, while its split over the elements is not told.
        first_isp: of that session.
    """

    member: str
    order: FlexOrder
    baselines_w: dict[str, tuple[int, ...]] = field(default_factory=dict)
    first_isp: int = 1


@wire("aggregator.ElementOrder")
@dataclass(frozen=True, slots=True)
class ElementPart:
    """An element's part of a member order: (ISP, baseline, ordered), watts."""

    order_reference: str
    period: date
    member: str
    element: str
    isps: tuple[tuple[int, int, int], ...]
