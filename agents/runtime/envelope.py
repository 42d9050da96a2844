"""What travels between hosts: a message with its idempotency key, and what comes back from a round of work."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from cim.model.codec import wire


@wire("runtime.Envelope")
@dataclass(frozen=True, slots=True)
class Envelope:
    """A message on its way; (sender, sequence) identifies it for good."""

    to: str
    sender: str
    sequence: int
    message: Any


@wire("runtime.Outcome")
@dataclass(frozen=True, slots=True)
class Outcome:
    """What a host's round of work led to.

    Attributes:
        outbox: messages for other agents, delivered in the next round.
        published: (agent, topic, value) for the data platform.
        next_timer: when it wants to be woken.
        seconds: where the time went, by part.
    """

    outbox: tuple[Envelope, ...]
    published: tuple[tuple[str, str, Any], ...]
    next_timer: datetime | None
    seconds: dict[str, float]
