"""An entry of a host's step log: everything that one step changed, in one durable append; and how it is written."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from agents.runtime.batches import addresses, decode_batch, encode_batch
from agents.runtime.envelope import Address, Envelope
from cim.codec.codec import decode, encode, wire
from cim.model.errors import BadInput

_FORMAT = 2  # of an entry in bytes, its first byte
_USUAL = 120  # bytes that an event comes to, where none are made

Written = bytes  # as a `Script` wrote it; where a journal keeps objects, the very value


@wire("runtime.LogEntry")
@dataclass(slots=True)  # never changed; to freeze it would triple what it costs to make, in every step of every host
class LogEntry:
    """One step of a round: events were handled, and this is what they led to.

    A role is deterministic, so its events stand for its state; now and then its whole snapshot stands in their place.
    What roles decide the types of is written value by value, so that a later program that lacks one can read the rest.

    Attributes:
        round: number of the round; a round has a step for each time its own effects came to something.
        settled: everything sent up to this round needs no keeping.
        done: the round has nothing left to do after this step.
        taken: (source, number) of the parcels taken.
        events: (agent, event): outcomes and timers handled, before the messages.
        inbox: the messages handled, a batch (`agents.runtime.batches`).
        failed: (agent, index among its `events`, or -1 less the index in `inbox`; failed event).
        outbox: the messages sent, a batch.
        effects: (agent, effect) still to be carried out when this was appended.
        published: (agent, publication).
        armed: (agent, instant; None where it was disarmed; timer).
        snapshots: (agent, its snapshot after this step).
        notes: (device, news) that arrived by itself; a step of its own.
    """

    round: int
    now: datetime
    settled: int
    done: bool
    taken: tuple[tuple[str, int], ...] = ()
    events: tuple[tuple[str, Written], ...] = ()
    inbox: Written = b""
    failed: tuple[tuple[str, int, Written], ...] = ()
    outbox: Written = b""
    effects: tuple[tuple[str, Written], ...] = ()
    published: tuple[tuple[str, Written], ...] = ()
    armed: tuple[tuple[str, datetime | None, Written], ...] = ()
    snapshots: tuple[tuple[str, bytes], ...] = ()
    notes: tuple[tuple[str, Written], ...] = ()


@dataclass(frozen=True, slots=True)
class Script:
    """How a journal's entries are written and read.

    Attributes:
        entry, read_entry: a whole entry.
        value, read_value: one value in it.
        batch, read_batch: messages; read_addresses: what is known of messages that cannot be read.
        size: bytes of values or of a batch; a guess where none are made.
    """

    entry: Callable[[LogEntry], Written]
    read_entry: Callable[[Written], LogEntry]
    value: Callable[[object], Written]
    read_value: Callable[[Written], object]
    batch: Callable[[list[Envelope]], Written]
    read_batch: Callable[[Written], list[Envelope]]
    read_addresses: Callable[[Written], list[Address]]
    size: Callable[[Written], int]


def _entry(entry: LogEntry) -> bytes:
    return b"%c%b" % (_FORMAT, encode(entry))


def _read_entry(data: bytes) -> LogEntry:
    if data[:1] != b"%c" % _FORMAT:
        raise BadInput(f"it is of format {data[:1].hex()}, this program reads {_FORMAT:02x}")
    entry: LogEntry = decode(data[1:])
    return entry


def _envelopes(data: bytes) -> list[Envelope]:
    return [Envelope._make(row) for row in decode_batch(data)] if data else []


def _addresses(data: bytes) -> list[Address]:
    return addresses(data) if data else []


def _guess(value: object) -> int:
    return _USUAL * (len(value) if isinstance(value, list) else 1)


BYTES = Script(_entry, _read_entry, encode, decode, encode_batch, _envelopes, _addresses, len)
# A journal in this very process can keep what is said as it is: it is never changed once said.
_same: Callable[[Any], Any] = lambda value: value  # noqa: E731
_list: Callable[[Any], Any] = list
OBJECTS = Script(_same, _same, _same, _same, _list, _list, lambda _: [], _guess)
