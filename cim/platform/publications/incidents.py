"""What went otherwise than it should: for the operator's log and for whoever judges a run."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime

from cim.codec.codec import wire
from cim.platform.publications.base import Publication


@wire("published.MessageLapsed")
@dataclass(frozen=True, slots=True)
class MessageLapsed(Publication):
    """Something came too early, too late or twice, or says what cannot be, and leads to nothing.

    Attributes:
        what: the kind of message or job.
        about: its reference.
        peer: the agent it came from.
        seen_by: the agent that passed over it.
    """

    what: str
    about: str
    peer: str
    seen_by: str
    reason: str


@wire("published.WorkFailed")
@dataclass(frozen=True, slots=True)
class WorkFailed(Publication):
    """A calculation came to nothing; its agent goes on without it.

    Attributes:
        what: the kind of work.
        about: what it was for: a congestion point and day, an element.
    """

    agent: str
    what: str
    about: str
    error: str


@wire("published.RuleBroken")
@dataclass(frozen=True, slots=True)
class RuleBroken(Publication):
    """An agent (`by`) did what the market's rules forbid; `seen_by` did not answer it."""

    by: str
    seen_by: str
    reason: str


@wire("published.MemoryLost")
@dataclass(frozen=True, slots=True)
class MemoryLost(Publication):
    """An agent began anew from the ledger; `what` it could not rebuild, a sentence each."""

    agent: str
    what: tuple[str, ...]


@wire("published.HandlingFailed")
@dataclass(frozen=True, slots=True)
class HandlingFailed(Publication):
    """An agent failed at an event, which was put aside.

    Attributes:
        event: wire tag of the message, or of the event where it was none.
        sender: of the message; None where it was none.
    """

    event: str
    sender: str | None
    error: str


@wire("published.PointNotMetered")
@dataclass(frozen=True, slots=True)
class PointNotMetered(Publication):
    """A portfolio's meters at a congestion point were not complete: its promise there is neither held nor missed.

    Attributes:
        seller: the aggregator's domain.
        connections, elements: which of them did not see some of these ISPs.
        isps: of the day, from 1 on.
    """

    seller: str
    congestion_point: str
    period: date
    connections: tuple[str, ...]
    elements: tuple[str, ...]
    isps: tuple[int, ...]


@wire("published.SiteNotMetered")
@dataclass(frozen=True, slots=True)
class SiteNotMetered(Publication):
    """In these ISPs (from 1) hardly any connection of the site was metered: they count against no element's own share."""

    period: date
    isps: tuple[int, ...]


@wire("published.MetersDisagree")
@dataclass(frozen=True, slots=True)
class MetersDisagree(Publication):
    """What a connection's meter and its elements' show cannot both be true: its elements count as not metered there."""

    usage_point: str
    period: date
    isps: tuple[int, ...]
    reason: str


@wire("published.ElementSuspended")
@dataclass(frozen=True, slots=True)
class ElementSuspended(Publication):
    """An element was not metered for more of its last 30 days than its site allows: it offers nothing until it is again.

    ISPs in which the whole site stood still are not counted.
    """

    element: str
    unmetered_isps: int
    allowed_isps: int
    suspended: bool


@wire("published.ElementOverridden")
@dataclass(frozen=True, slots=True)
class ElementOverridden(Publication):
    """Its owner keeps an element for itself until then: it offers nothing and obeys no order; or (null) gives it back.

    `promised_wh` is what orders in force moved of it in that time, without sign: what its aggregator cannot count on any more.
    """

    element: str
    owner: str
    until: datetime | None
    promised_wh: int
