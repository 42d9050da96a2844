"""The CSMS side of one charging station, without I/O, in the version of OCPP that its session speaks.

What the station says becomes readings and news of its EVSEs (`station`); what is asked of it becomes calls, whose answers are data.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime

from devices.ocpp.payload import Payload
from devices.ocpp.rpc import Answer, Handler, Rpc
from devices.ocpp.schemas import Message
from devices.ocpp.state import EvseState
from devices.ocpp.station import Station
from devices.ocpp.version import WHOLE, About, LimitFor, Version
from devices.ocpp.versions import DEFAULT, VERSIONS

LOST = "the connection was lost before the answer"
_BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)


class CsmsMachine:
    """Protocol state of one station.

    Args:
        name: its identity.
        interval_s: heartbeat interval that it is given at boot.
        run: tells our message ids from those of the drivers that this station had before.
        now: market time.
        sources: in whose name the readings of each EVSE are; not said: it has one, EVSE 1, in the station's own name.

    Attributes:
        station: what it has told.
        version: what it speaks: 2.0.1 until a session begins in another.
        booted: whether it has said who it is (`about`).
        answers: to our calls, by message id.
        recent_actions: of the station, the last ones.
    """

    closed = False

    def __init__(
        self,
        name: str,
        interval_s: int = 900,
        run: str = "",
        now: datetime = _BEGINNING,
        sources: Mapping[int, str] | None = None,
    ) -> None:
        self.name, self.interval_s = name, interval_s
        self.station = Station(name, interval_s, now, {1: name} if sources is None else sources)
        self.booted = False
        self.about = About("", "")
        self.answers: dict[str, Answer] = {}
        self.recent_actions: list[str] = []
        self._triggered = False
        # OCPP 2.0.1 part 4, 4.1.4: a message id is unique over all connections of a station, so over all our drivers' runs as well.
        self._begin = f"{name[:15]}:{run[:8]}" if run else name
        self.version, self._rpc = self._open(VERSIONS[DEFAULT], 0)

    def _open(self, version: Version, count: int) -> tuple[Version, Rpc]:
        handlers = {
            action: self._after_boot(action, handler) for action, handler in version.handlers(self.station).items()
        }
        handlers["BootNotification"] = self._boot
        return version, Rpc(version.schemas, self._begin, handlers, self.answers.__setitem__, count)

    @property
    def state(self) -> EvseState:
        """What the first of its EVSEs has told; most have one."""
        return next(iter(self.station.evses.values()))

    @property
    def now(self) -> datetime:
        """Market time."""
        return self.station.wide.now

    @now.setter
    def now(self, at: datetime) -> None:
        self.station.wide.now = at

    # -- the wire's side -------------------------------------------------------------------------------------------

    def speak(self, subprotocol: str) -> None:
        """The session that begins speaks this; see `devices.dial_in.machine.Polyglot`."""
        version = VERSIONS[subprotocol]
        if version is not self.version:
            self._rpc.abandon(LOST)
            self.version, self._rpc = self._open(version, self._rpc.count)

    def attached(self) -> list[str]:
        """A session begins; the station speaks first."""
        self._triggered = False
        return self._rpc.flush()

    def detached(self) -> None:
        """The session ended: what we asked stays unanswered."""
        self._rpc.abandon(LOST)

    def receive(self, frame: str) -> list[str]:
        """Take one frame; the frames to send back."""
        return self._rpc.receive(frame)

    # -- the driver's side -----------------------------------------------------------------------------------------

    def call(self, message: Message) -> str:
        """Ask this; the message id of the call."""
        return self._rpc.call(message)

    def set_limit(self, power_w: int, valid_until: datetime, evse: int) -> str:
        """Ask for at most `power_w` at an EVSE (`WHOLE`: at all together) until `valid_until`; the message id of the call."""
        wide, state = self.station.wide, self.station.evses.get(evse)
        number = state.transaction.id if state is not None and state.transaction is not None else None
        how = LimitFor(evse, number, in_amperes=wide.in_amperes, stack_level=wide.stack_level)
        return self.call(self.version.set_limit(power_w, wide.now, valid_until, how))

    def ask_boot(self) -> list[str]:
        """Ask a station that is connected, but was booted before we were, for a BootNotification; the frames to send."""
        self._trigger_boot()
        return self._rpc.flush()

    def _trigger_boot(self) -> None:
        if not self._triggered:
            self._triggered = True
            self.call(self.version.trigger("BootNotification", WHOLE))

    def flush(self) -> list[str]:
        """What may be sent now."""
        return self._rpc.flush()

    def abandon(self, unique_id: str) -> None:
        """Give up a call that was not answered in time."""
        self._rpc.abandon("no answer in time", unique_id)

    # -- what the station says -------------------------------------------------------------------------------------

    def _after_boot(self, action: str, handler: Handler) -> Handler:
        def guarded(payload: Payload) -> Message:
            self.recent_actions = [*self.recent_actions[-15:], action]
            if not self.booted:
                # Every station that has the password is accepted (A00, B01), also by the driver before this one. So it
                # has booted already, and what it says counts; a refusal would lose it, as only events of a transaction
                # are sent again (E13). What it is must be asked for.
                self.station.run()
                self._trigger_boot()
            return handler(payload)

        return guarded

    def _boot(self, payload: Payload) -> Message:
        self.about = self.version.about(payload)
        triggered = self._triggered if self.about.triggered is None else self.about.triggered
        if triggered:
            self.station.run()
        if not triggered:
            self._rpc.forget()
        self._triggered = self._triggered and self.about.triggered is not None
        self.booted = True
        return self.version.accepted(self.now, self.interval_s)
