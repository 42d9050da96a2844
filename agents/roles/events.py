"""What can happen to a role: events, as data that can travel (`@wire`). What it wants because of them: `effects`."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from agents.roles.effects import Timer
from cim.codec.codec import wire
from cim.model.devices import Nameplate, News, Setpoint
from cim.model.readings import Reading
from market.ledger.records import BlockHead, Record, Signature
from market.ledger.replica import NO_LEAVES, BlockLeaves


@wire("event.Started")
@dataclass(frozen=True, slots=True)
class Started:
    """The agent lives; the first event of all."""


@wire("event.Recalled")
@dataclass(frozen=True, slots=True)
class Recalled:
    """The agent lives, and had lived before, but nothing of it is left: instead of `Started`, what the ledger knows.

    Attributes:
        records: of the ledger, in which it has a part (as author, signer, or named in them), in their order.
        heads: the last block heads, each with its co-signatures, in order.
        began: when the ledger's first record was made.
        lost_at: when the loss was found.
    """

    records: tuple[Record, ...]
    heads: tuple[tuple[BlockHead, tuple[Signature, ...]], ...]
    began: datetime
    lost_at: datetime


@wire("event.Received")
@dataclass(frozen=True, slots=True)
class Received:
    """A message from another agent; (sender, sequence) is its idempotency key."""

    sender: str
    sequence: int
    message: Any


@wire("event.Fired")
@dataclass(frozen=True, slots=True)
class Fired:
    """A timer armed earlier is due."""

    timer: Timer


@wire("event.Connected")
@dataclass(frozen=True, slots=True)
class Connected:
    """A device answered and said what it is."""

    device: str
    nameplate: Nameplate


@wire("event.Measured")
@dataclass(frozen=True, slots=True)
class Measured:
    """The outcome of a `Poll`: readings (ABSENT ones when `fault` is set) and the device's news since the last."""

    device: str
    readings: tuple[Reading, ...]
    news: tuple[News, ...]
    fault: str | None = None


@wire("event.Commanded")
@dataclass(frozen=True, slots=True)
class Commanded:
    """The outcome of a `Command` or `Release`: done and read back, or why not."""

    device: str
    setpoint: Setpoint | None
    fault: str | None = None


@wire("event.Computed")
@dataclass(frozen=True, slots=True)
class Computed:
    """The outcome of a `Compute`, or why there is none."""

    reference: object
    result: Any
    fault: str | None = None


@dataclass(frozen=True, slots=True)
class JobFailed:
    """Told inside a role instead of a job's result: who waits for it must not wait for ever."""

    reference: object
    fault: str


@wire("event.Recorded")
@dataclass(frozen=True, slots=True)
class Recorded:
    """Records are durable in the ledger (or one clashed: `fault`)."""

    reference: object
    fault: str | None = None


@wire("event.BlockClosed")
@dataclass(frozen=True, slots=True)
class BlockClosed:
    """A block of the ledger was closed; the part of the tree that it added."""

    head: BlockHead
    shown: BlockLeaves = NO_LEAVES


Event = Started | Recalled | Received | Fired | Connected | Measured | Commanded | Computed | Recorded | BlockClosed
