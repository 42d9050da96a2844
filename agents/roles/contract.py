"""The agent contract: what can happen to a role (events) and what it can want (effects). Both are data.

    handle(event, now) -> list[Effect]

The runtime carries effects out and brings their outcomes back as events. Everything here can travel (`@wire`).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from cim.model.codec import wire
from cim.model.readings import Reading
from devices.port import Nameplate, News, Setpoint
from market.ledger.records import BlockHead, Record, Signature

# ---- events ----------------------------------------------------------------------------------------------------------


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

    timer: str


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
    """The outcome of a `Compute`."""

    reference: str
    result: Any


@wire("event.Recorded")
@dataclass(frozen=True, slots=True)
class Recorded:
    """Records are durable in the ledger (or one clashed: `fault`)."""

    reference: str
    fault: str | None = None


@wire("event.BlockClosed")
@dataclass(frozen=True, slots=True)
class BlockClosed:
    """A block of the ledger was closed."""

    head: BlockHead


Event = Started | Recalled | Received | Fired | Connected | Measured | Commanded | Computed | Recorded | BlockClosed

# ---- effects ---------------------------------------------------------------------------------------------------------


@wire("effect.Send")
@dataclass(slots=True)  # not frozen: that costs three times as much, and a host makes hundreds of thousands a second
class Send:
    """A message to another agent."""

    to: str
    message: Any


@wire("effect.Arm")
@dataclass(frozen=True, slots=True)
class Arm:
    """Wake me at this instant. Arming a timer again moves it."""

    timer: str
    at: datetime


@wire("effect.Disarm")
@dataclass(frozen=True, slots=True)
class Disarm:
    """What this timer was to wake me for has happened; one that is not armed is none."""

    timer: str


@wire("effect.Poll")
@dataclass(frozen=True, slots=True)
class Poll:
    """Read my device now."""

    device: str


@wire("effect.Command")
@dataclass(frozen=True, slots=True)
class Command:
    """Ask my device for a setpoint that it drops by itself at `valid_until`. Never without an expiry."""

    device: str
    setpoint: Setpoint
    valid_until: datetime


@wire("effect.Release")
@dataclass(frozen=True, slots=True)
class Release:
    """Let my device run by its own rule."""

    device: str


@wire("effect.Publish")
@dataclass(frozen=True, slots=True)
class Publish:
    """Tell the data platform (telemetry, figures for the report)."""

    topic: str
    value: Any


@wire("effect.Compute")
@dataclass(frozen=True, slots=True)
class Compute:
    """Heavy work, by name and arguments (`agents.planning.jobs`); at most one runs per core."""

    reference: str
    job: str
    arguments: tuple[Any, ...]


@wire("effect.Record")
@dataclass(frozen=True, slots=True)
class Append:
    """Make ledger records durable, all in one transaction."""

    reference: str
    records: tuple[Record, ...]


@wire("effect.CloseBlock")
@dataclass(frozen=True, slots=True)
class CloseBlock:
    """Close the ledger's open block for a settlement period."""

    number: int
    period_start: datetime
    period_end: datetime


@wire("effect.Cosign")
@dataclass(frozen=True, slots=True)
class Cosign:
    """Store a party's signature of a block's head."""

    number: int
    party: str
    signature: bytes


Effect = Send | Arm | Disarm | Poll | Command | Release | Publish | Compute | Append | CloseBlock | Cosign
