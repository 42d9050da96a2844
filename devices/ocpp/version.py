"""What a version of OCPP is to the rest of the driver: how its messages are read and its requests are written."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol, runtime_checkable

from devices.ocpp.payload import Payload
from devices.ocpp.rpc import Handler
from devices.ocpp.schemas import Message, Schemas
from devices.ocpp.state import StationState

EVSE = 1  # the one that a driver is for (OCPP 1.6: connector)


@dataclass(frozen=True, slots=True)
class About:
    """What a station says of itself at boot; `triggered`: because it was asked to (None: its version does not tell)."""

    vendor: str
    model: str
    serial: str = ""
    firmware: str = ""
    triggered: bool | None = False


class Version(Protocol):
    """One version of OCPP, as a CSMS speaks it with a station.

    Attributes:
        title: such as `OCPP 2.0.1`.
        subprotocol: its name in the WebSocket handshake.
        schemas: its actions and their payloads.
        askable: the messages that tell how a station stands that was running before us, in the order to ask for them.
    """

    title: str
    subprotocol: str
    schemas: Schemas
    askable: tuple[str, ...]

    def handlers(self, state: StationState) -> Mapping[str, Handler]:
        """What the station may say, but for BootNotification: each puts what it means into `state` and answers."""
        ...

    def about(self, boot: Payload) -> About:
        """Who sent a BootNotification."""
        ...

    def accepted(self, now: datetime, interval_s: int) -> Message:
        """The answer to it: accepted, with our time and the interval of heartbeats."""
        ...

    def questions(self) -> tuple[Message, ...]:
        """What is asked once when the driver opens, each of which a station may refuse; nothing is set by it."""
        ...

    def settings(self, interval_s: int) -> tuple[Message, ...]:
        """What is set then, so that the station tells what is needed, each of which it may refuse."""
        ...

    def learn(self, state: StationState, action: str, answer: Payload) -> bool:
        """Take the answer to one of the `questions`; whether a report follows it (`state.report_ended`)."""
        ...

    def trigger(self, what: str) -> Message:
        """Ask for a message of this kind now."""
        ...

    def set_limit(
        self,
        power_w: int,
        now: datetime,
        valid_until: datetime,
        transaction: str | None,
        *,
        in_amperes: bool,
        stack_level: int,
    ) -> Message:
        """At most `power_w` from `now` to `valid_until`, for the running transaction or for whoever plugs in.

        At `stack_level` it overrules what stands below; see `devices.ocpp.foreign` for what that may not loosen.
        """
        ...

    def wants_amperes(self, answer: Payload) -> bool:
        """Whether a limit may have been refused because it was in watts."""
        ...

    def read_limit(self, now: datetime, valid_until: datetime) -> Message:
        """What applies from `now` on."""
        ...

    def limit_read(self, answer: Payload) -> tuple[float, float] | None:
        """The limit (W) that applies now and how far it may be off by its own step; None where it is not told.

        Raises:
            PeerFault: a field has another type than the schema says.
        """
        ...

    def clear_limits(self) -> tuple[Message, ...]:
        """Drop our limits, also those of a driver before this one, and nobody else's."""
        ...


@runtime_checkable
class BothWays(Protocol):
    """A version that can ask for a power, also for one that a vehicle gives back."""

    def set_power(
        self, power_w: int, now: datetime, valid_until: datetime, transaction: str, *, stack_level: int
    ) -> Message:
        """This power (below 0: from the vehicle) from `now` to `valid_until`, for the running transaction."""
        ...

    def power_read(self, answer: Payload) -> float | None:
        """The power (W) that is asked for now, by the answer to `read_limit`; None where it is not told."""
        ...
