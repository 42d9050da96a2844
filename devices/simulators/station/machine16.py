"""The station side of OCPP 1.6 without I/O; see `devices.simulators.station.core` for its two rules.

The CSMS gives a transaction its number, so what comes after a StartTransaction waits for the answer to it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping

from devices.ocpp.payload import Payload, stamp
from devices.ocpp.rpc import Answer, Handler
from devices.ocpp.schemas import Message
from devices.ocpp.v16.messages import SCHEMAS, call, call_result, datatypes, enums
from devices.simulators.station import answers16
from devices.simulators.station.core import StationCore
from devices.simulators.station.message_builders import held_back
from devices.simulators.station.physics_port import ChargePoint, Session

_Context = enums.ReadingContext
_Status = enums.ChargePointStatus
_Build = Callable[[int], Message]  # a message by the number of the running transaction
_NONE = -1
_ID_TAG = "local"  # it lets everybody charge who plugs in, and has to say somebody's identity


class StationMachine16(StationCore):
    """See `StationCore`."""

    subprotocol = "ocpp1.6"
    schemas = SCHEMAS

    def __init__(self, name: str, unit: ChargePoint, interval_s: int = 900) -> None:
        self._settings = dict(answers16.SETTINGS)
        self._outbox: deque[_Build] = deque()
        self._starting = ""  # the message id of a StartTransaction that has no answer yet
        self._number = _NONE
        self._stays = 0  # so that the profiles of one transaction are not taken for those of the next
        self._status = _Status.available
        super().__init__(name, unit, interval_s)

    def _handlers(self) -> Mapping[str, Handler]:
        return {
            "SetChargingProfile": self._set_charging_profile,
            "ClearChargingProfile": self._clear_charging_profile,
            "GetCompositeSchedule": self._composite_schedule,
            "GetConfiguration": lambda asked: answers16.configuration(self._settings, asked),
            "ChangeConfiguration": lambda asked: answers16.change(self._settings, asked),
            "TriggerMessage": self._trigger,
            "DataTransfer": lambda _: call_result.DataTransfer(status=enums.DataTransferStatus.unknown_vendor_id),
        }

    # -- what the station tells -------------------------------------------------------------------------------------

    def _say(self, message: Message) -> None:
        self._queue(lambda _: message)

    def _queue(self, build: _Build) -> None:
        self._spoke_at = self.now
        self._outbox.append(build)
        if self.accepted:
            self._tell_held()

    def _tell_held(self) -> None:
        while self._outbox and not self._starting:
            message = self._outbox.popleft()(self._number)
            number = self._rpc.call(message)
            if isinstance(message, call.StartTransaction):
                self._starting = number

    def _on_answer(self, unique_id: str, answer: Answer) -> None:
        super()._on_answer(unique_id, answer)
        if unique_id == self._starting:
            self._starting, self._number = "", answer.payload.whole("transactionId", _NONE)
            self._tell_held()

    def _boot(self, *, asked: bool) -> None:  # noqa: ARG002 - 1.6 does not say why
        self._boot_at, self._spoke_at = None, self.now
        serial = self.name[:25]
        self._rpc.call(
            call.BootNotification("Simulated AC 1", "ILES", charge_point_serial_number=serial, firmware_version="1")
        )

    def _tell_idle(self) -> None:
        self._rpc.call(self._connector())
        self._rpc.call(call.MeterValues(1, [self._sample(_Context.sample_clock)]))

    def _beat(self) -> None:
        self._say(call.Heartbeat())

    def _plug(self, session: Session) -> None:
        self._stays += 1
        self._transaction = f"{session.plugged_at:%y%m%d%H%M%S}:{self._stays}"
        self._tell_status(_Status.preparing)
        begun = call.StartTransaction(1, _ID_TAG, round(self.unit.energy_import_wh), stamp(self.now))
        self._say(begun)
        self._tell_status(self._charging())
        self._event_at = self.now

    def _update(self) -> None:
        self._tell_status(self._charging())
        self._tell_meter(_Context.sample_periodic)
        self._event_at = self.now

    def _unplug(self) -> None:
        register_wh, at, reason = round(self.unit.energy_import_wh), stamp(self.now), enums.Reason.ev_disconnected
        self._queue(lambda number: call.StopTransaction(register_wh, at, number, reason))
        self._session = None
        self._profiles.end_transaction(self._transaction)
        self._transaction = ""
        self._apply_limit()
        self._tell_status(_Status.finishing)
        self._tell_status(_Status.available)

    def _charging(self) -> _Status:
        if self.unit.power_w > 0:
            return _Status.charging
        return _Status.suspended_evse if held_back(self.unit) else _Status.suspended_ev

    def _tell_status(self, status: _Status) -> None:
        if status is not self._status:
            self._status = status
            self._say(self._connector())

    def _connector(self) -> call.StatusNotification:
        return call.StatusNotification(1, enums.ChargePointErrorCode.no_error, self._status, stamp(self.now))

    def _tell_meter(self, context: _Context) -> None:
        sample = self._sample(context)
        if self._session is None:
            self._say(call.MeterValues(1, [sample]))
        else:
            self._queue(lambda number: call.MeterValues(1, [sample], number))

    def _sample(self, context: _Context) -> datatypes.MeterValue:
        """What `MeterValuesSampledData` names, as far as this station meters it."""
        values = {
            "Power.Active.Import": (self.unit.power_w / 1000, enums.UnitOfMeasure.kw),
            "Energy.Active.Import.Register": (self.unit.energy_import_wh, enums.UnitOfMeasure.wh),
        }
        wanted = self._settings["MeterValuesSampledData"].split(",")
        samples = [
            datatypes.SampledValue(f"{value:.6f}", context, None, enums.Measurand(name), unit=unit)
            for name, (value, unit) in values.items()
            if name in wanted
        ]
        return datatypes.MeterValue(stamp(self.now), samples)

    # -- what the station is told -----------------------------------------------------------------------------------

    def _set_charging_profile(self, payload: Payload) -> Message:
        answer = answers16.set_profile(self._profiles, payload, self._transaction, self._number)
        self._apply_limit()
        return answer

    def _clear_charging_profile(self, payload: Payload) -> Message:
        answer = answers16.clear_profile(self._profiles, payload)
        self._apply_limit()
        return answer

    def _composite_schedule(self, payload: Payload) -> Message:
        self._must_tell_composites()
        return answers16.composite_schedule(
            self._profiles, payload, now=self.now, transaction=self._transaction, max_power_w=self.unit.max_power_w
        )

    def _trigger(self, payload: Payload) -> Message:
        what, statuses = payload.text("requestedMessage"), enums.TriggerMessageStatus
        if what == "BootNotification":
            self.accepted = False
            self._boot(asked=True)
            status = self._connector()
            self._outbox.appendleft(lambda _: status)  # once accepted, the state of the connector is told first
        elif what == "StatusNotification":
            self._say(self._connector())
        elif what == "MeterValues":
            self._tell_meter(_Context.trigger)
        elif what == "Heartbeat":
            self._beat()
        else:
            return call_result.TriggerMessage(status=statuses.not_implemented)
        return call_result.TriggerMessage(status=statuses.accepted)
