"""The station side of OCPP 2.0.1 without I/O.

Two rules. Spontaneous messages are made in `start`, `look` and `advance` only, so that every transport gives the same
order. A charging profile holds until its `validTo` on the simulated clock, then the station runs without a limit again.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from devices.ocpp.payload import Payload
from devices.ocpp.rpc import Answer, Handler, Rpc
from devices.ocpp.schemas import Message
from devices.ocpp.v201.messages import SCHEMAS, call, call_result, datatypes, enums
from devices.simulators.station import message_builders, profile_answers
from devices.simulators.station.physics_port import ChargePoint, Session
from devices.simulators.station.profiles import Profiles

_Context = enums.ReadingContextEnumType
_Event = enums.TransactionEventEnumType
_Trigger = enums.TriggerReasonEnumType


class StationMachine:
    """One simulated charging station with one EVSE.

    Args:
        name: its identity.
        unit: the physics behind it; its `limit_w` is set here.
        interval_s: how often it sends a heartbeat when it has nothing else to say, until the CSMS says otherwise.
    """

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
        self._transactions = 0
        self._seq_no = 0
        self._charging_state: enums.ChargingStateEnumType | None = None
        self._begin: datatypes.MeterValueType | None = None  # the meter when the transaction began
        self._spoke_at = self.now
        self._event_at = self.now
        self._boot_at: datetime | None = None
        self._held: list[Message] = []  # what happened before the boot was accepted (B02: not to be sent until then)
        handlers: dict[str, Handler] = {
            "SetChargingProfile": self._set_charging_profile,
            "ClearChargingProfile": self._clear_charging_profile,
            "GetCompositeSchedule": self._composite_schedule,
            "GetBaseReport": self._base_report,
            "GetVariables": lambda asked: call_result.GetVariables(message_builders.unknown_variables(asked)),
            "TriggerMessage": self._trigger,
            "DataTransfer": lambda _: call_result.DataTransfer(
                status=enums.DataTransferStatusEnumType.unknown_vendor_id
            ),
        }
        self._rpc = Rpc(SCHEMAS, name, handlers, self._on_answer)

    @property
    def quiet(self) -> bool:
        """True when no call of this station is unanswered."""
        return self._rpc.quiet

    def start(self, now: datetime) -> list[str]:
        """Power up: boot, tell the connector's state, and where the meter's register stands before any transaction."""
        self.now = now
        self._boot(enums.BootReasonEnumType.power_up)
        self._rpc.call(message_builders.connector_status(now, occupied=False))
        self._rpc.call(call.MeterValues(evse_id=1, meter_value=[self._sample(_Context.sample_clock)]))
        return self._rpc.flush()

    def attached(self) -> list[str]:
        """The connection is (again) there: what was not answered is sent again."""
        return self._rpc.resume()

    def detached(self) -> None:
        """The connection is gone; messages wait (E04: transaction events are kept while offline)."""

    def receive(self, frame: str) -> list[str]:
        """Take one frame; the frames to send back."""
        return self._rpc.receive(frame)

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
            self._plug(present)

    def advance(self, now: datetime) -> list[str]:
        """`look`, and tell what happened."""
        self.look(now)
        if not self.accepted:
            if self._boot_at is not None and now >= self._boot_at:
                self._boot(enums.BootReasonEnumType.power_up)
            return self._rpc.flush()
        self._tell_held()
        if self._session is not None and self._event_at != now:
            self._update()
        if self._spoke_at + self._interval <= now:
            self._call(call.Heartbeat())
        return self._rpc.flush()

    # -- what the station tells -------------------------------------------------------------------------------------

    def _tell_held(self) -> None:
        held, self._held = self._held, []
        for message in held:
            self._rpc.call(message)

    def _sample(self, context: enums.ReadingContextEnumType, ended: bool = False) -> datatypes.MeterValueType:
        power_w = 0.0 if ended else self.unit.power_w
        return message_builders.meter_value(self.now, power_w, self.unit.energy_import_wh, context)

    def _call(self, message: Message) -> None:
        self._spoke_at = self.now
        if self.accepted and not self._held:
            self._rpc.call(message)
        else:
            self._held.append(message)

    def _boot(self, reason: enums.BootReasonEnumType) -> None:
        self._boot_at, self._spoke_at = None, self.now
        self._rpc.call(message_builders.boot_notification(self.name, reason))

    def _plug(self, session: Session) -> None:
        self._session = session
        self._transactions += 1
        # The instant makes the id unique beyond a restart, the counter within one.
        self._transaction = f"{self.name[:14]}:{session.plugged_at:%y%m%d%H%M%S}:{self._transactions}"[:36]
        self._seq_no = 0
        self._begin = self._sample(_Context.transaction_begin)
        self._charging_state = None
        self._call(message_builders.connector_status(self.now, occupied=True))
        self._event(_Event.started, _Trigger.cable_plugged_in, _Context.transaction_begin)
        self._call(message_builders.charging_needs(session, self.unit.max_power_w))

    def _update(self) -> None:
        changed, triggers = (
            message_builders.charging_state(self.unit) != self._charging_state,
            _Trigger,
        )
        trigger = triggers.charging_state_changed if changed else triggers.meter_value_periodic
        self._event(_Event.updated, trigger, _Context.sample_periodic)

    def _unplug(self) -> None:
        self._event(_Event.ended, _Trigger.ev_departed, _Context.transaction_end)
        self._call(message_builders.connector_status(self.now, occupied=False))
        self._session = None
        self._profiles.end_transaction(self._transaction)
        self._transaction = ""
        self._apply_limit()

    def _event(
        self,
        event_type: _Event,
        trigger: _Trigger,
        context: enums.ReadingContextEnumType,
    ) -> None:
        ended = event_type is _Event.ended
        self._charging_state = message_builders.charging_state(self.unit, ended)
        samples = [self._sample(context, ended)]
        if ended and self._begin is not None:
            samples.insert(0, self._begin)  # J02: the samples of an ended transaction reach back to its beginning
        self._call(
            message_builders.transaction_event(
                message_builders.transaction(self._transaction, self._charging_state, ended),
                event_type=event_type,
                trigger=trigger,
                number=self._seq_no,
                now=self.now,
                samples=samples,
            )
        )
        self._seq_no += 1
        self._event_at = self.now

    # -- what the station is told -----------------------------------------------------------------------------------

    def _on_answer(self, _unique_id: str, answer: Answer) -> None:
        if answer.action != "BootNotification":
            return
        self.accepted = answer.payload.text("status", "") == "Accepted"
        interval = timedelta(seconds=max(1, answer.payload.whole("interval", 0) or self._interval.total_seconds()))
        if self.accepted:
            self._interval = interval
        else:
            self._boot_at = self.now + interval  # B02, B03: try again after the interval

    def _apply_limit(self) -> None:
        self.unit.limit_w = self._profiles.limit_w(self.now, self._transaction)

    def _set_charging_profile(self, payload: Payload) -> Message:
        answer = profile_answers.set_profile(self._profiles, payload, self._transaction)
        self._apply_limit()
        return answer

    def _clear_charging_profile(self, payload: Payload) -> Message:
        answer = profile_answers.clear_profile(self._profiles, payload)
        self._apply_limit()
        return answer

    def _composite_schedule(self, payload: Payload) -> Message:
        return profile_answers.composite_schedule(
            self._profiles, payload, now=self.now, transaction=self._transaction, max_power_w=self.unit.max_power_w
        )

    def _base_report(self, payload: Payload) -> Message:
        # The report is the second half of the answer (B07.FR.01), so it is not a spontaneous message.
        self._rpc.call(message_builders.report(payload.whole("requestId"), self.now, self.unit))
        return call_result.GetBaseReport(status=enums.GenericDeviceModelStatusEnumType.accepted)

    def _trigger(self, payload: Payload) -> Message:
        # What is triggered belongs to the answer, so it is no spontaneous message; what waits is told before it.
        what, statuses = payload.text("requestedMessage"), enums.TriggerMessageStatusEnumType
        if self.accepted:
            self._tell_held()
        status = message_builders.connector_status(self.now, occupied=self._session is not None)
        if what == "BootNotification":
            self.accepted = False
            self._boot(enums.BootReasonEnumType.triggered)
            self._held.insert(0, status)  # B01.FR.05: once accepted, the state of the connector is told first
        elif what == "StatusNotification":
            self._call(status)
        elif what == "MeterValues":
            self._call(call.MeterValues(evse_id=1, meter_value=[self._sample(_Context.trigger)]))
        elif what == "TransactionEvent" and self._session is not None:
            self._event(_Event.updated, _Trigger.trigger, _Context.trigger)
        else:
            return call_result.TriggerMessage(
                statuses.rejected if what == "TransactionEvent" else statuses.not_implemented
            )
        return call_result.TriggerMessage(status=statuses.accepted)
