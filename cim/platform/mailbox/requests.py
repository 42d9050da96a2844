"""What people ask of agents, and how an agent answers."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import ClassVar

from cim.codec.codec import wire

MAILBOX = "portal"  # the agent's name under which requests come; no agent of a site may have it


@wire("mail.FlexibilityWanted")
@dataclass(frozen=True, slots=True)
class FlexibilityWanted:
    """The DSO's engineer wants flexibility at a congestion point: the sellers there are asked once, beside what the grid needs.

    Attributes:
        number: of the request; it is answered by this.
        by: who asks.
        power_w: > 0: more consumption or less feed-in; < 0: less consumption.
    """

    number: str
    by: str
    point: str
    period: date
    first_isp: int
    last_isp: int
    power_w: int


@wire("mail.PointLimitWanted")
@dataclass(frozen=True, slots=True)
class PointLimitWanted:
    """An emergency: the feed-in of all plants below a congestion point is limited from now on, or that is lifted.

    Attributes:
        feed_in_pct: of each plant's rating, 0 to 100; None: lifted.
        until: it ends by itself then.
    """

    urgent: ClassVar[bool] = True
    number: str
    by: str
    point: str
    feed_in_pct: int | None
    until: datetime


@wire("mail.SettlementWanted")
@dataclass(frozen=True, slots=True)
class SettlementWanted:
    """A day that is over is to be settled now, with the meter data that came, and not when all of it is in or time is up."""

    number: str
    by: str
    period: date


@wire("mail.ElementKeptWanted")
@dataclass(frozen=True, slots=True)
class ElementKeptWanted:
    """A prosumer keeps one of its elements for itself from now on; `until` None: it gives the element back."""

    urgent: ClassVar[bool] = True
    number: str
    by: str
    element: str
    until: datetime | None


@wire("mail.RequestAnswered")
@dataclass(frozen=True, slots=True)
class RequestAnswered:
    """The agent's answer: whether it does what it was asked, and in a sentence what follows, or why not."""

    number: str
    accepted: bool
    reason: str


Wanted = FlexibilityWanted | PointLimitWanted | SettlementWanted | ElementKeptWanted
KINDS: dict[str, type[Wanted]] = {
    "flexibility": FlexibilityWanted,
    "point-limit": PointLimitWanted,
    "settlement": SettlementWanted,
    "keep-element": ElementKeptWanted,
}
KIND_OF = {kind: name for name, kind in KINDS.items()}
