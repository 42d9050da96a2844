"""A host's journal entry: everything that one step changed, in one durable append."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from agents.runtime.resident import Parked
from cim.model.codec import wire


@wire("runtime.Entry")
@dataclass(slots=True)  # never changed; to freeze it would triple what it costs to make, in every step of every host
class Entry:
    """One step of a round: events were handled, and this is what they led to.

    A role is deterministic, so its events stand for its state; now and then its whole residence stands in their place.

    Attributes:
        round: number of the round; a round has a step for each time its own effects came to something.
        settled: everything sent up to this round needs no keeping.
        inbox: the messages handled, a batch (`cim.model.batches`).
        done: the round has nothing left to do after this step.
        others: (agent, event), encoded: outcomes and timers handled, before the messages.
        failed: (agent, index among its others, or -1 less the index in the inbox; parked).
        residences: (agent, residence after this step).
        outbox: the messages sent, a batch.
        hands: (agent, effect) still to be carried out when this was appended.
        published: (agent, topic, value).
        armed: (agent, timer, instant; None where it was disarmed).
        taken: (source, number) of the parcels taken.
        notes: (device, news) that arrived by itself; a step of its own.
    """

    round: int
    now: datetime
    settled: int
    done: bool
    inbox: bytes
    others: bytes
    failed: tuple[tuple[str, int, Parked], ...]
    residences: tuple[tuple[str, bytes], ...]
    outbox: bytes
    hands: tuple[tuple[str, Any], ...]
    published: tuple[tuple[str, str, Any], ...]
    armed: tuple[tuple[str, str, datetime | None], ...]
    taken: tuple[tuple[str, int], ...]
    notes: tuple[tuple[str, Any], ...] = ()
