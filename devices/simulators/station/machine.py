"""The station side of OCPP 2.0.1 and 2.1 without I/O; see `devices.simulators.station.core` for its two rules."""

from __future__ import annotations

from collections.abc import Mapping

from devices.ocpp.payload import Payload
from devices.ocpp.rpc import Handler
from devices.ocpp.schemas import Message
from devices.ocpp.v201.messages import SCHEMAS, call, call_result, datatypes, enums
from devices.simulators.station import message_builders, profile_answers
from devices.simulators.station.core import StationCore
from devices.simulators.station.misbehaviour import Way
from devices.simulators.station.physics_port import ChargePoint, Session

_Context = enums.ReadingContextEnumType
_Event = enums.TransactionEventEnumType
_Trigger = enums.TriggerReasonEnumType


class StationMachine(StationCore):
    """See `StationCore`."""

    subprotocol = "ocpp2.0.1"
    schemas = SCHEMAS

    def __init__(self, name: str, unit: ChargePoint, interval_s: int = 900) -> None:
        self._transactions = 0
        self._seq_no = 0
        self._charging_state: enums.ChargingStateEnumType | None = None
        self._begin: datatypes.MeterValueType | None = None  # the meter when the transaction began
        self._held: list[Message] = []  # what happened before the boot was accepted (B02: not to be sent until then)
        super().__init__(name, unit, interval_s)

    def _handlers(self) -> Mapping[str, Handler]:
        return {
            "SetChargingProfile": self._set_charging_profile,
            "ClearChargingProfile": self._clear_charging_profile,
            "GetCompositeSchedule": self._composite_schedule,
            "GetBaseReport": self._base_report,
            "GetChargingProfiles": self._get_charging_profiles,
            "GetVariables": lambda asked: call_result.GetVariables(message_builders.unknown_variables(asked)),
            "TriggerMessage": self._trigger,
            "DataTransfer": lambda _: call_result.DataTransfer(
                status=enums.DataTransferStatusEnumType.unknown_vendor_id
            ),
        }

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

    def _tell_idle(self) -> None:
        self._rpc.call(message_builders.connector_status(self.now, occupied=False))
        self._rpc.call(call.MeterValues(evse_id=1, meter_value=[self._sample(_Context.sample_clock)]))

    def _beat(self) -> None:
        self._call(call.Heartbeat())

    def _boot(self, *, asked: bool) -> None:
        reasons = enums.BootReasonEnumType
        reason = reasons.triggered if asked else reasons.power_up
        self._boot_at, self._spoke_at = None, self.now
        self._rpc.call(message_builders.boot_notification(self.name, reason))

    def _plug(self, session: Session) -> None:
        self._transactions += 1
        # The instant makes the id unique beyond a restart, the counter within one.
        self._transaction = f"{self.name[:14]}:{session.plugged_at:%y%m%d%H%M%S}:{self._transactions}"[:36]
        self._seq_no = 0
        self._begin = self._sample(_Context.transaction_begin)
        self._charging_state = None
        self._call(message_builders.connector_status(self.now, occupied=True))
        self._event(_Event.started, _Trigger.cable_plugged_in, _Context.transaction_begin)
        if not self._does(Way.NO_NEEDS):
            self._call(self._needs(session))

    def _needs(self, session: Session) -> Message:
        return message_builders.charging_needs(session, self.unit.max_power_w, message_builders.least_w(self.unit))

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
                offline=not self._online,
            )
        )
        self._seq_no += 1
        self._event_at = self.now

    # -- what the station is told -----------------------------------------------------------------------------------

    def _set_charging_profile(self, payload: Payload) -> Message:
        answer = profile_answers.set_profile(self._profiles, payload, self._transaction)
        self._apply_limit()
        return answer

    def _clear_charging_profile(self, payload: Payload) -> Message:
        answer = profile_answers.clear_profile(self._profiles, payload)
        self._apply_limit()
        return answer

    def _composite_schedule(self, payload: Payload) -> Message:
        self._must_tell_composites()
        return profile_answers.composite_schedule(
            self._profiles, payload, now=self.now, transaction=self._transaction, max_power_w=self.unit.max_power_w
        )

    def _base_report(self, payload: Payload) -> Message:
        # The report is the second half of the answer (B07.FR.01), so it is not a spontaneous message.
        self._rpc.call(message_builders.report(payload.whole("requestId"), self.now, self.unit))
        return call_result.GetBaseReport(status=enums.GenericDeviceModelStatusEnumType.accepted)

    def _get_charging_profiles(self, payload: Payload) -> Message:
        answer = profile_answers.get_profiles(self._profiles)
        if self._profiles.held:  # the report is the second half of the answer here as well (K09)
            self._rpc.call(profile_answers.report_profiles(self._profiles, payload.whole("requestId")))
        return answer

    def _trigger(self, payload: Payload) -> Message:
        # What is triggered belongs to the answer, so it is no spontaneous message; what waits is told before it.
        what, statuses = payload.text("requestedMessage"), enums.TriggerMessageStatusEnumType
        if self.accepted:
            self._tell_held()
        status = message_builders.connector_status(self.now, occupied=self._session is not None)
        if what == "BootNotification":
            self.accepted = False
            self._boot(asked=True)
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
