"""What a simulated station does in every version of OCPP: when it speaks, who is plugged in, and which limit holds.

Two rules. Spontaneous messages are made in `start`, `look` and `advance` only, so that every transport gives the same
order. A charging profile holds until its `validTo` on the simulated clock, then the station runs without a limit again.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import ClassVar

from devices.ocpp.payload import PeerFault
from devices.ocpp.rpc import Answer, Handler
from devices.ocpp.schemas import Schemas
from devices.simulators.station.misbehaviour import Misbehaviour, StationRpc, Way
from devices.simulators.station.physics_port import ChargePoint, Session
from devices.simulators.station.profiles import Profiles


class StationCore(ABC):
    """One simulated charging station with one EVSE.

    Args:
        name: its identity.
        unit: the physics behind it; its `limit_w` is set here.
        interval_s: how often it sends a heartbeat when it has nothing else to say, until the CSMS says otherwise.

    Attributes:
        subprotocol: the version that it speaks, as the WebSocket handshake names it.
        accepted: whether the CSMS has accepted its boot.
    """

    subprotocol: str
    schemas: ClassVar[Schemas]
    closed = False

    def __init__(self, name: str, unit: ChargePoint, interval_s: int = 900) -> None:
        self.name = name
        self.unit = unit
        self.now = datetime(1970, 1, 1, tzinfo=UTC)
        self.accepted = False
        self._interval = timedelta(seconds=interval_s)
        self._profiles = Profiles()
        self._session: Session | None = None
        self._transaction = ""
        self._spoke_at = self.now
        self._event_at = self.now
        self._boot_at: datetime | None = None
        self._wrong, self._online, self._boots_anew, self._tells_late = Misbehaviour(), True, False, False
        self._rpc = StationRpc(self.schemas, name, self._handlers(), self._on_answer)

    @property
    def quiet(self) -> bool:
        """True when no call of this station is unanswered."""
        return self._rpc.quiet

    def start(self, now: datetime) -> list[str]:
        """Power up: boot, tell the connector's state, and where the meter's register stands before any transaction."""
        self.now = now
        self._boot(asked=False)
        self._tell_idle()
        return self._said(self._rpc.flush())

    def misbehave(self, words: str) -> None:
        """Misbehave from now on as `words` say (see `misbehaviour`; "": not any more). Raises `BadInput`."""
        self._wrong = Misbehaviour.of(words)
        self._boots_anew = Way.SAME_IDS in self._wrong.ways

    def _said(self, frames: list[str]) -> list[str]:
        return [self._wrong.frame(frame) for frame in frames]

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
        """The clock moved on: note who came and left, and apply the limit that holds now. `advance` will tell.

        To be called after the physics has moved to `now`: at the very instants at which vehicles come and go, so that
        none is missed and each event has its own time and register.
        """
        self.now = now
        self._apply_limit()
        present, known = self.unit.session, self._session
        if known is not None and (present is None or present.plugged_at != known.plugged_at):
            self._unplug()
        if present is not None and self._session is None:
            self._session = present
            self._plug(present)

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
        if self._session is not None and self._event_at != now:
            self._update()
        if self._spoke_at + self._interval <= now:
            self._beat()
        if self._tells_late:
            self._tells_late = False
            self._rpc.bring_back()
        return self._said(self._rpc.flush())

    def _must_tell_composites(self) -> None:
        """Refuse to tell what applies, where that is its way. Raises `PeerFault`."""
        if self._does(Way.NO_COMPOSITE):
            raise PeerFault("NotImplemented", "GetCompositeSchedule is unknown")

    def _apply_limit(self) -> None:
        self.unit.limit_w = self._profiles.limit_w(self.now, self._transaction)

    def _on_answer(self, unique_id: str, answer: Answer) -> None:  # noqa: ARG002 - other versions tell their calls apart by it
        if answer.action != "BootNotification":
            return
        self.accepted = answer.payload.text("status", "") == "Accepted"
        interval = timedelta(seconds=max(1, answer.payload.whole("interval", 0) or self._interval.total_seconds()))
        if self.accepted:
            self._interval = interval
        else:
            self._boot_at = self.now + interval  # B02, B03: try again after the interval

    @abstractmethod
    def _handlers(self) -> Mapping[str, Handler]:
        """What the CSMS may ask."""

    @abstractmethod
    def _boot(self, *, asked: bool) -> None:
        """Say who it is."""

    @abstractmethod
    def _tell_idle(self) -> None:
        """Say, at power-up, that the connector is available and where its register stands."""

    @abstractmethod
    def _tell_held(self) -> None:
        """Say what happened before the boot was accepted."""

    @abstractmethod
    def _beat(self) -> None:
        """Say that it is there."""

    @abstractmethod
    def _plug(self, session: Session) -> None:
        """A vehicle has come."""

    @abstractmethod
    def _update(self) -> None:
        """Say how the vehicle charges."""

    @abstractmethod
    def _unplug(self) -> None:
        """The vehicle has gone."""
