"""What went otherwise than it should: for the operator's log and for whoever judges a run."""

from __future__ import annotations

from dataclasses import dataclass

from cim.codec.codec import wire
from cim.platform.publications.base import Publication


@wire("published.MessageLapsed")
@dataclass(frozen=True, slots=True)
class MessageLapsed(Publication):
    """Something came too early, too late or twice, and leads to nothing.

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
