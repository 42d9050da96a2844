"""The station side of OCPP 2.0.1 and 2.1 without I/O; see `devices.simulators.station.core` for its two rules."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from devices.ocpp.payload import Payload
from devices.ocpp.rpc import Handler
from devices.ocpp.schemas import Message
from devices.ocpp.v201.messages import SCHEMAS, call, call_result, datatypes, enums
from devices.simulators.station import message_builders, profile_answers
from devices.simulators.station.core import Evse, StationCore
from devices.simulators.station.misbehaviour import Way
from devices.simulators.station.physics_port import ChargePoint, Session

_Context = enums.ReadingContextEnumType
_Event = enums.TransactionEventEnumType
_Trigger = enums.TriggerReasonEnumType


@dataclass
class Evse201(Evse):
    """See `Evse`; `begin` is what its meter showed when the transaction began."""

    seq_no: int = 0
    charging_state: enums.ChargingStateEnumType | None = None
    begin: datatypes.MeterValueType | None = None


class StationMachine(StationCore[Evse201]):
    """See `StationCore`."""

    subprotocol = "ocpp2.0.1"
    schemas = SCHEMAS

    def _evse(self, number: int, unit: ChargePoint) -> Evse201:
        return Evse201(number, unit)

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

    def _sample(
        self, evse: Evse201, context: enums.ReadingContextEnumType, ended: bool = False
    ) -> datatypes.MeterValueType:
        power_w = 0.0 if ended else evse.unit.power_w
        return message_builders.meter_value(self.now, power_w, evse.unit.energy_import_wh, context)

    def _connector(self, evse: Evse201) -> Message:
        return message_builders.connector_status(self.now, evse.number, occupied=evse.session is not None)

    def _tell_idle(self, evse: Evse201) -> None:
        self._rpc.call(message_builders.connector_status(self.now, evse.number, occupied=False))
        self._rpc.call(call.MeterValues(evse.number, [self._sample(evse, _Context.sample_clock)]))

    def _tell_meter(self, evse: Evse201) -> None:
        self._say(call.MeterValues(evse.number, [self._sample(evse, _Context.trigger)]))

    def _beat(self) -> None:
        self._say(call.Heartbeat())

    def _boot(self, *, asked: bool) -> None:
        reasons = enums.BootReasonEnumType
        reason = reasons.triggered if asked else reasons.power_up
        self._boot_at, self._spoke_at = None, self.now
        self._rpc.call(message_builders.boot_notification(self.name, reason))

    def _plug(self, evse: Evse201, session: Session) -> None:
        # The instant makes the id unique beyond a restart, the counter within one.
        evse.transaction = f"{self.name[:14]}:{session.plugged_at:%y%m%d%H%M%S}:{self._stays}"[:36]
        if self._does(Way.SAME_NUMBERS) and len(self._evses) > 1:
            evse.transaction = str(evse.stays)
        evse.seq_no, evse.charging_state = 0, None
        evse.begin = self._sample(evse, _Context.transaction_begin)
        self._say(message_builders.connector_status(self.now, evse.number, occupied=True))
        self._event(evse, _Event.started, _Trigger.cable_plugged_in, _Context.transaction_begin)
        if not self._does(Way.NO_NEEDS):
            self._say(self._needs(evse, session))

    def _needs(self, evse: Evse201, session: Session) -> Message:
        unit = evse.unit
        return message_builders.charging_needs(
            session, unit.max_power_w, message_builders.least_w(unit), evse=evse.number
        )

    def _update(self, evse: Evse201) -> None:
        changed = message_builders.charging_state(evse.unit) != evse.charging_state
        trigger = _Trigger.charging_state_changed if changed else _Trigger.meter_value_periodic
        self._event(evse, _Event.updated, trigger, _Context.sample_periodic)

    def _tell_end(self, evse: Evse201) -> None:
        self._event(evse, _Event.ended, _Trigger.ev_departed, _Context.transaction_end)

    def _tell_free(self, evse: Evse201) -> None:
        self._say(message_builders.connector_status(self.now, evse.number, occupied=False))

    def _event(
        self,
        evse: Evse201,
        event_type: _Event,
        trigger: _Trigger,
        context: enums.ReadingContextEnumType,
    ) -> None:
        ended = event_type is _Event.ended
        evse.charging_state = message_builders.charging_state(evse.unit, ended)
        samples = [self._sample(evse, context, ended)]
        if ended and evse.begin is not None:
            samples.insert(0, evse.begin)  # J02: the samples of an ended transaction reach back to its beginning
        self._say(
            message_builders.transaction_event(
                message_builders.transaction(evse.transaction, evse.charging_state, ended),
                event_type=event_type,
                trigger=trigger,
                number=evse.seq_no,
                now=self.now,
                samples=samples,
                offline=not self._online,
                evse=evse.number,
            )
        )
        evse.seq_no += 1
        evse.event_at = self.now

    # -- what the station is told -----------------------------------------------------------------------------------

    def _set_charging_profile(self, payload: Payload) -> Message:
        transaction = self._transaction_at(payload.whole("evseId"))
        answer = profile_answers.set_profile(self._profiles, payload, transaction)
        self._apply_limits()
        return answer

    def _clear_charging_profile(self, payload: Payload) -> Message:
        answer = profile_answers.clear_profile(self._profiles, payload)
        self._apply_limits()
        return answer

    def _composite_schedule(self, payload: Payload) -> Message:
        self._must_tell_composites()
        evse = payload.whole("evseId")
        return profile_answers.composite_schedule(
            self._profiles,
            payload,
            now=self.now,
            transaction=self._transaction_at(evse),
            max_power_w=self._rating_w(evse),
        )

    def _base_report(self, payload: Payload) -> Message:
        # The report is the second half of the answer (B07.FR.01), so it is not a spontaneous message.
        units = {evse.number: evse.unit for evse in self._evses.values()}
        self._rpc.call(message_builders.report(payload.whole("requestId"), self.now, units))
        return call_result.GetBaseReport(status=enums.GenericDeviceModelStatusEnumType.accepted)

    def _get_charging_profiles(self, payload: Payload) -> Message:
        answer = profile_answers.get_profiles(self._profiles)
        # The reports are the second half of the answer here as well (K09).
        for report in profile_answers.report_profiles(self._profiles, payload.whole("requestId")):
            self._rpc.call(report)
        return answer

    def _asked(self, payload: Payload) -> int | None:
        place = payload.part("evse")
        return place.whole("id") if place else None

    def _triggered(self, status: str) -> Message:
        return call_result.TriggerMessage(status=enums.TriggerMessageStatusEnumType(status))

    def _told(self, what: str, about: list[Evse201]) -> str:
        if what != "TransactionEvent":
            return "NotImplemented"
        for evse in about:
            self._event(evse, _Event.updated, _Trigger.trigger, _Context.trigger)
        return "Accepted" if about else "Rejected"
