"""What a DSO and the connections of its grid tell each other beside the market: limits, withdrawals, and what was not metered."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import ClassVar

from cim.codec.codec import wire
from market.uftp import DPrognosis


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


@wire("grid.PlantStateAsked")
@dataclass(frozen=True, slots=True)
class PlantStateAsked:
    """The DSO asks a connection near a loaded congestion point what its plants give and could give now."""

    usage_point: str
    at: datetime


@wire("grid.PlantStateTold")
@dataclass(frozen=True, slots=True)
class PlantStateTold:
    """The answer: what the connection and its PV and wind plants draw now (<= 0: feed-in), and what the plants could, watts.

    None where it is not known. `filling_w` is what its stores take now and will take less on average in the rest of the ISP,
    because they will be full: so much more is fed in by then.
    """

    usage_point: str
    at: datetime
    connection_w: int | None
    plants_w: int | None
    available_w: int | None
    filling_w: int = 0


@wire("grid.FeedInLimit")
@dataclass(frozen=True, slots=True)
class FeedInLimit:
    """The DSO limits a connection's PV and wind plants for the rest of an ISP, for the grid's safety.

    Attributes:
        limit_w: together they stay at or above it (<= 0); None: the limit is lifted.
        valid_until: it ends by itself then.
        reason: which congestion point needs it.
    """

    urgent: ClassVar[bool] = True
    usage_point: str
    period: date
    isp: int
    limit_w: int | None
    valid_until: datetime
    reason: str


@wire("grid.LimitedFeedIn")
@dataclass(frozen=True, slots=True)
class LimitedFeedIn:
    """A connection's account of a day's ISPs in which the DSO limited its plants: (ISP, could, given), watts <= 0.

    What the plants could have given is what was available, less what orders held back anyway.
    """

    usage_point: str
    period: date
    isps: tuple[tuple[int, int, int], ...]


@wire("grid.SupplyLimited")
@dataclass(frozen=True, slots=True)
class SupplyLimited:
    """The DSO limits by hand what a connection's controllable devices draw, or tells it when it has no supply; or ends either.

    Attributes:
        number: under which it was asked for or declared; what is told last under it counts.
        begin, end: `end` None: nobody knows yet.
        consumption_pct: of each device's rating that it may draw; 0 where there is no supply; None: it is over, or called off.
        interrupted: there is no supply: what its devices do then is nobody's to steer, but nothing is planned or offered there.
        point: the congestion point below which it holds.
    """

    urgent: ClassVar[bool] = True
    number: str
    usage_point: str
    begin: datetime
    end: datetime | None
    consumption_pct: int | None
    interrupted: bool
    point: str


@wire("grid.BaselineReplaced")
@dataclass(frozen=True, slots=True)
class BaselineReplaced:
    """The DSO puts a prognosis of its own in place of a seller's: orders stand on it, and are settled by it."""

    told: str  # message id of the seller's
    own: DPrognosis
    reason: str


@wire("grid.NobodyMetered")
@dataclass(frozen=True, slots=True)
class NobodyMetered:
    """In these ISPs (from 1) of a day the DSO got hardly any connection's meter: the site stood still, not an element."""

    period: date
    isps: tuple[int, ...]
