"""A host's journal entry: everything that one step changed, in one durable append; and how it is written."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from agents.roles.effects import Timer
from agents.runtime.batches import decode_batch, encode_batch
from agents.runtime.envelope import Envelope
from agents.runtime.host.hosted_agent import FailedEvent
from cim.codec.codec import decode, encode, wire
from cim.platform.publications import Publication

_USUAL = 120  # bytes that an event comes to, where none are made


@wire("runtime.LogEntry")
@dataclass(slots=True)  # never changed; to freeze it would triple what it costs to make, in every step of every host
class LogEntry:
    """One step of a round: events were handled, and this is what they led to.

    A role is deterministic, so its events stand for its state; now and then its whole agent_snapshot stands in their place.

    Attributes:
        round: number of the round; a round has a step for each time its own effects came to something.
        settled: everything sent up to this round needs no keeping.
        inbox: the messages handled, a batch (`agents.runtime.batches`).
        done: the round has nothing left to do after this step.
        others: (agent, event), encoded: outcomes and timers handled, before the messages.
        failed: (agent, index among its others, or -1 less the index in the inbox; failed_events).
        agent_snapshots: (agent, agent_snapshot after this step).
        outbox: the messages sent, a batch.
        effect_runner: (agent, effect) still to be carried out when this was appended.
        published: (agent, publication).
        armed: (agent, timer, instant; None where it was disarmed).
        taken: (source, number) of the parcels taken.
        notes: (device, news) that arrived by itself; a step of its own.
        program: which wrote it (`program`); only the same one can live through its events again.
    """

    round: int
    now: datetime
    settled: int
    done: bool
    inbox: bytes
    others: bytes
    failed: tuple[tuple[str, int, FailedEvent], ...]
    agent_snapshots: tuple[tuple[str, bytes], ...]
    outbox: bytes
    effect_runner: tuple[tuple[str, Any], ...]
    published: tuple[tuple[str, Publication], ...]
    armed: tuple[tuple[str, Timer | str, datetime | None], ...]
    taken: tuple[tuple[str, int], ...]
    notes: tuple[tuple[str, Any], ...] = ()
    program: bytes = b""


@dataclass(frozen=True, slots=True)
class Script:
    """How a journal's entries are written and read.

    Attributes:
        unit: bytes that one of a batch's lengths stands for.
    """

    encode: Callable[[Any], Any]
    decode: Callable[[Any], Any]
    encode_batch: Callable[[Any], Any]
    decode_batch: Callable[[Any], list[Envelope]]
    unit: int


def _envelopes(data: bytes) -> list[Envelope]:
    return [Envelope._make(row) for row in decode_batch(data)]


def _same(value: Any) -> Any:
    return value


BYTES = Script(encode, decode, encode_batch, _envelopes, 1)
# A journal in this very process can keep what is said as it is: it is never changed once said.
OBJECTS = Script(_same, _same, tuple, list, _USUAL)
