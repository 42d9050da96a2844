"""What a DSO tells connections by right of an agreement beside the market."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import ClassVar

from cim.codec.codec import wire


@wire("grid.CapacityWithdrawn")
@dataclass(frozen=True, slots=True)
class CapacityWithdrawn:
    """The DSO withdraws non-firm export capacity of a flexible connection agreement, unpaid, in some ISPs of a day.

    Attributes:
        owner: domain of whose connection it is.
        at: when it is told; the agreement's notice counts from then.
        export_w: (ISP, what may still be fed in, a magnitude), ISPs from 1.
        reason: which congestion point needs it.
    """

    urgent: ClassVar[bool] = True
    usage_point: str
    owner: str
    period: date
    at: datetime
    export_w: tuple[tuple[int, int], ...]
    reason: str
