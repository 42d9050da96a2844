"""What a version of OCPP is to the rest of the driver: how its messages are read and its requests are written."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple, Protocol, runtime_checkable

from devices.ocpp.payload import Payload
from devices.ocpp.rpc import Handler
from devices.ocpp.schemas import Message, Schemas
from devices.ocpp.station import Station

WHOLE = 0  # in place of an EVSE (OCPP 1.6: connector): the station
_FIRST, _EACH, _MOST = 1_947_001, 10, 99  # our profile ids; not 1 and 2, as everybody else's may be
OURS = range(_FIRST, _FIRST + _EACH * _MOST)


class Ids(NamedTuple):
    """Our profile ids at one EVSE: one of each purpose, so that a new one replaces the old; a station knows an id once."""

    transaction: int
    default: int


def ids_at(evse: int) -> Ids:
    """Our profile ids at an EVSE."""
    first = _FIRST + _EACH * ((evse - 1) % _MOST)
    return Ids(first, first + 1)


STATION_ID = _FIRST + 2  # of our limit for the whole station


@dataclass(frozen=True, slots=True)
class LimitFor:
    """For whom a limit is, and how it is said.

    Attributes:
        evse: where; `WHOLE` for all EVSEs of the station together.
        transaction: the running one; None: whoever plugs in.
        in_amperes: in amperes for each of three phases instead of watts.
        stack_level: it overrules what stands below; see `devices.ocpp.foreign` for what that may not loosen.
    """

    evse: int
    transaction: str | None
    in_amperes: bool = False
    stack_level: int = 0

    @property
    def profile(self) -> int:
        """The id of its profile."""
        if self.evse == WHOLE:
            return STATION_ID
        return ids_at(self.evse).transaction if self.transaction else ids_at(self.evse).default

    @property
    def purpose(self) -> str:
        """As 2.0.1 has it."""
        if self.evse == WHOLE:
            return "ChargingStationMaxProfile"
        return "TxProfile" if self.transaction else "TxDefaultProfile"


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

    def handlers(self, station: Station) -> Mapping[str, Handler]:
        """What the station may say, but for BootNotification: each puts what it means into `station` and answers."""
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

    def learn(self, station: Station, action: str, answer: Payload) -> bool:
        """Take the answer to one of the `questions`; whether a report follows it (`wide.report_ended`)."""
        ...

    def trigger(self, what: str, evse: int) -> Message:
        """Ask for a message of this kind now, about an EVSE if it is about one."""
        ...

    def set_limit(self, power_w: int, now: datetime, valid_until: datetime, how: LimitFor) -> Message:
        """At most `power_w` from `now` to `valid_until`."""
        ...

    def wants_amperes(self, answer: Payload) -> bool:
        """Whether a limit may have been refused because it was in watts."""
        ...

    def read_limit(self, now: datetime, valid_until: datetime, evse: int) -> Message:
        """What applies at an EVSE from `now` on."""
        ...

    def limit_read(self, answer: Payload) -> tuple[float, float] | None:
        """The limit (W) that applies now and how far it may be off by its own step; None where it is not told.

        Raises:
            PeerFault: a field has another type than the schema says.
        """
        ...

    def clear_limits(self, evse: int) -> tuple[Message, ...]:
        """Drop our limits at an EVSE (`WHOLE`: for the station), also those of a driver before this one, and nobody else's."""
        ...


@runtime_checkable
class BothWays(Protocol):
    """A version that can ask for a power, also for one that a vehicle gives back."""

    def set_power(self, power_w: int, now: datetime, valid_until: datetime, how: LimitFor) -> Message:
        """This power (below 0: from the vehicle) from `now` to `valid_until`, for the running transaction."""
        ...

    def power_read(self, answer: Payload) -> float | None:
        """The power (W) that is asked for now, by the answer to `read_limit`; None where it is not told."""
        ...
