"""What a simulated station does in every version of OCPP: when it speaks, who is plugged in where, and which limits hold.

Two rules. Spontaneous messages are made in `start`, `look` and `advance` only, so that every transport gives the same
order. A charging profile holds until its `validTo` on the simulated clock, then the station runs without a limit again.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import ClassVar, Generic, TypeVar

from devices.ocpp.payload import Payload, PeerFault
from devices.ocpp.rpc import Answer, Handler
from devices.ocpp.schemas import Message, Schemas
from devices.simulators.station.misbehaviour import Misbehaviour, StationRpc, Way
from devices.simulators.station.physics_port import ChargePoint, Session, Supply
from devices.simulators.station.profiles import Profiles

Build = Callable[[], Message]  # a message, made when it is sent
_BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass
class Evse:
    """One EVSE as its station sees it.

    Attributes:
        number: from 1 on.
        unit: the physics behind it; its `limit_w` is set here.
        session: the vehicle that is known to be there.
        transaction: by which the station knows it; "" where none runs.
        event_at: when it was told of last.
        stays: how many vehicles came.
    """

    number: int
    unit: ChargePoint
    session: Session | None = None
    transaction: str = ""
    event_at: datetime = _BEGINNING
    stays: int = 0


E = TypeVar("E", bound=Evse)


class StationCore(ABC, Generic[E]):
    """One simulated charging station.

    Args:
        name: its identity.
        units: the physics behind its EVSE, or behind each of them.
        interval_s: how often it sends a heartbeat when it has nothing else to say, until the CSMS says otherwise.
        supply: what all its EVSEs draw from, where it has several.

    Attributes:
        subprotocol: the version that it speaks, as the WebSocket handshake names it.
        accepted: whether the CSMS has accepted its boot.
    """

    subprotocol: str
    schemas: ClassVar[Schemas]
    closed = False

    def __init__(
        self, name: str, units: ChargePoint | Sequence[ChargePoint], interval_s: int = 900, supply: Supply | None = None
    ) -> None:
        self.name = name
        self.now = _BEGINNING
        self.accepted = False
        several = units if isinstance(units, Sequence) else (units,)
        self._evses = {number: self._evse(number, unit) for number, unit in enumerate(several, start=1)}
        self._supply = supply
        self._interval = timedelta(seconds=interval_s)
        self._profiles = Profiles(len(self._evses))
        self._outbox: deque[Build] = deque()  # what happened before the boot was accepted, or waits for an answer
        self._stays = 0  # so that the profiles of one transaction are not taken for those of the next
        self._spoke_at = self.now
        self._boot_at: datetime | None = None
        self._wrong, self._online, self._boots_anew, self._tells_late = Misbehaviour(), True, False, False
        self._rpc = StationRpc(self.schemas, name, self._handlers(), self._on_answer)

    @property
    def unit(self) -> ChargePoint:
        """The physics behind its first EVSE."""
        return self._evses[1].unit

    @property
    def quiet(self) -> bool:
        """True when no call of this station is unanswered."""
        return self._rpc.quiet

    def start(self, now: datetime) -> list[str]:
        """Power up: boot, tell each connector's state, and where its meter's register stands before any transaction."""
        self.now = now
        self._boot(asked=False)
        for evse in self._evses.values():
            self._tell_idle(evse)
        return self._said(self._rpc.flush())

    def misbehave(self, words: str) -> None:
        """Misbehave from now on as `words` say (see `misbehaviour`; "": not any more). Raises `BadInput`."""
        self._wrong = Misbehaviour.of(words)
        self._boots_anew = Way.SAME_IDS in self._wrong.ways

    def _said(self, frames: list[str]) -> list[str]:
        return [self._wrong.frame(frame, len(self._evses)) for frame in frames]

    def _does(self, way: Way) -> bool:
        return way in self._wrong.ways

    def attached(self) -> list[str]:
        """The connection is (again) there: what was not answered is sent again."""
        self._online = True
        if self._does(Way.QUEUE_LAST):
            self._rpc.set_aside()
            self._tells_late = True
        return self._said(self._rpc.resume())

    def detached(self) -> None:
        """The connection is gone; messages wait (2.0.1 E04, 1.6 4.8: what happens in transactions is kept while offline)."""
        self._online = False

    def receive(self, frame: str) -> list[str]:
        """Take one frame; the frames to send back."""
        return self._said(self._rpc.receive(frame))

    def next_change(self) -> datetime | None:
        """The next instant at which a charging profile begins, steps or ends by itself."""
        return self._profiles.next_edge(self.now)

    def look(self, now: datetime) -> None:
        """The clock moved on: note who came and left, and apply the limits that hold now. `advance` will tell.

        To be called after the physics has moved to `now`: at the very instants at which vehicles come and go, so that
        none is missed and each event has its own time and register.
        """
        self.now = now
        self._apply_limits()
        for evse in self._evses.values():
            present, known = evse.unit.session, evse.session
            if known is not None and (present is None or present.plugged_at != known.plugged_at):
                self._leave(evse)
            if present is not None and evse.session is None:
                evse.session = present
                self._stays, evse.stays = self._stays + 1, evse.stays + 1
                self._plug(evse, present)

    def advance(self, now: datetime) -> list[str]:
        """`look`, and tell what happened."""
        if self._boots_anew:
            self._boots_anew, self._rpc.count, self.accepted = False, 0, False
            self.now = now
            self._boot(asked=False)
        self.look(now)
        if not self.accepted:
            if self._boot_at is not None and now >= self._boot_at:
                self._boot(asked=False)
            return self._said(self._rpc.flush())
        self._tell_held()
        for evse in self._evses.values():
            if evse.session is not None and evse.event_at != now:
                self._update(evse)
        if self._spoke_at + self._interval <= now:
            self._beat()
        if self._tells_late:
            self._tells_late = False
            self._rpc.bring_back()
        return self._said(self._rpc.flush())

    # -- what it tells ----------------------------------------------------------------------------------------------

    def _say(self, message: Message) -> None:
        self._queue(lambda: message)

    def _queue(self, build: Build) -> None:
        """Say it once the boot is accepted (B02), after what happened before it."""
        self._spoke_at = self.now
        self._outbox.append(build)
        if self.accepted:
            self._tell_held()

    def _tell_held(self) -> None:
        while self._outbox and not self._waits():
            self._sent(self._rpc.call(message := self._outbox.popleft()()), message)

    def _waits(self) -> bool:
        """Whether what is to be told next needs an answer that is not there yet."""
        return False

    def _sent(self, unique_id: str, message: Message) -> None:
        """A message from the outbox is a call now."""

    def _leave(self, evse: E) -> None:
        """The vehicle has gone: its transaction ends, and its profiles with it."""
        self._tell_end(evse)
        evse.session = None
        self._profiles.end_transaction(evse.transaction)
        evse.transaction = ""
        self._apply_limits()
        self._tell_free(evse)

    def _on_answer(self, unique_id: str, answer: Answer) -> None:  # noqa: ARG002 - other versions tell their calls apart by it
        if answer.action != "BootNotification":
            return
        self.accepted = answer.payload.text("status", "") == "Accepted"
        interval = timedelta(seconds=max(1, answer.payload.whole("interval", 0) or self._interval.total_seconds()))
        if self.accepted:
            self._interval = interval
        else:
            self._boot_at = self.now + interval  # B02, B03: try again after the interval

    # -- what it is told --------------------------------------------------------------------------------------------

    def _apply_limits(self) -> None:
        for evse in self._evses.values():
            evse.unit.limit_w = self._profiles.limit_w(self.now, evse.transaction, evse.number)
        if self._supply is not None:
            self._supply.limit_w = self._profiles.station_w(self.now)

    def _transaction_at(self, evse: int) -> str:
        """The transaction that runs at an EVSE; "" where none does."""
        return self._evses[evse].transaction if evse in self._evses else ""

    def _rating_w(self, evse: int) -> float:
        """The rated power of an EVSE, of all together where it is 0."""
        if evse in self._evses:
            return self._evses[evse].unit.max_power_w
        return sum(one.unit.max_power_w for one in self._evses.values())

    def _must_tell_composites(self) -> None:
        """Refuse to tell what applies, where that is its way. Raises `PeerFault`."""
        if self._does(Way.NO_COMPOSITE):
            raise PeerFault("NotImplemented", "GetCompositeSchedule is unknown")

    def _trigger(self, payload: Payload) -> Message:
        # What is triggered belongs to the answer, so it is no spontaneous message; what waits is told before it.
        what, asked = payload.text("requestedMessage"), self._asked(payload)
        if asked is not None and asked not in self._evses:
            return self._triggered("Rejected")
        about = [evse for evse in self._evses.values() if asked in (None, evse.number)]
        if self.accepted:
            self._tell_held()
        status = "Accepted"
        if what == "BootNotification":
            self.accepted = False
            self._boot(asked=True)
            # B01.FR.05: once accepted, the state of the connectors is told first
            for message in [self._connector(evse) for evse in reversed(self._evses.values())]:
                self._outbox.appendleft(lambda message=message: message)  # type: ignore[misc]
        elif what == "StatusNotification":
            for evse in about:
                self._say(self._connector(evse))
        elif what == "MeterValues":
            for evse in about:
                self._tell_meter(evse)
        elif what == "Heartbeat":
            self._beat()
        else:
            status = self._told(what, [evse for evse in about if evse.session is not None])
        return self._triggered(status)

    def _told(self, what: str, about: list[E]) -> str:  # noqa: ARG002 - for versions that know more
        """Tell what only this version knows; the status of the answer."""
        return "NotImplemented"

    # -- how it is said in a version --------------------------------------------------------------------------------

    @abstractmethod
    def _evse(self, number: int, unit: ChargePoint) -> E:
        """One of its EVSEs."""

    @abstractmethod
    def _handlers(self) -> Mapping[str, Handler]:
        """What the CSMS may ask."""

    @abstractmethod
    def _asked(self, payload: Payload) -> int | None:
        """Which EVSE a TriggerMessage is about; None: all."""

    @abstractmethod
    def _triggered(self, status: str) -> Message:
        """The answer to a TriggerMessage."""

    @abstractmethod
    def _boot(self, *, asked: bool) -> None:
        """Say who it is."""

    @abstractmethod
    def _connector(self, evse: E) -> Message:
        """The state of an EVSE's connector."""

    @abstractmethod
    def _tell_idle(self, evse: E) -> None:
        """Say, at power-up, that a connector is available and where its register stands."""

    @abstractmethod
    def _tell_meter(self, evse: E) -> None:
        """Say what an EVSE's meter shows, because it was asked for."""

    @abstractmethod
    def _beat(self) -> None:
        """Say that it is there."""

    @abstractmethod
    def _plug(self, evse: E, session: Session) -> None:
        """A vehicle has come."""

    @abstractmethod
    def _update(self, evse: E) -> None:
        """Say how the vehicle charges."""

    @abstractmethod
    def _tell_end(self, evse: E) -> None:
        """Say that the transaction is over."""

    @abstractmethod
    def _tell_free(self, evse: E) -> None:
        """Say that the connector is free."""
