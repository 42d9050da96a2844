"""The station side of OCPP 1.6 without I/O; see `devices.simulators.station.core` for its two rules.

Each of its EVSEs is a connector here. The CSMS gives a transaction its number, so what comes after a StartTransaction waits
for the answer to it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from devices.ocpp.payload import Payload, stamp
from devices.ocpp.rpc import Answer, Handler
from devices.ocpp.schemas import Message
from devices.ocpp.v16.messages import SCHEMAS, call, call_result, datatypes, enums
from devices.simulators.station import answers16
from devices.simulators.station.core import Evse, StationCore
from devices.simulators.station.message_builders import held_back
from devices.simulators.station.physics_port import ChargePoint, Session, Supply

_Context = enums.ReadingContext
_Status = enums.ChargePointStatus
_NONE = -1
_ID_TAG = "local"  # it lets everybody charge who plugs in, and has to say somebody's identity


@dataclass
class Evse16(Evse):
    """See `Evse`; `given` is the CSMS's number of its last transaction, `status` what was told of its connector."""

    given: int = _NONE
    status: _Status = _Status.available


class StationMachine16(StationCore[Evse16]):
    """See `StationCore`."""

    subprotocol = "ocpp1.6"
    schemas = SCHEMAS

    def __init__(
        self, name: str, units: ChargePoint | Sequence[ChargePoint], interval_s: int = 900, supply: Supply | None = None
    ) -> None:
        self._starting: tuple[str, int] | None = None  # message id and connector of a StartTransaction without answer
        super().__init__(name, units, interval_s, supply)
        self._settings = {**answers16.SETTINGS, "NumberOfConnectors": str(len(self._evses))}

    def _evse(self, number: int, unit: ChargePoint) -> Evse16:
        return Evse16(number, unit)

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

    def _waits(self) -> bool:
        return self._starting is not None

    def _sent(self, unique_id: str, message: Message) -> None:
        if isinstance(message, call.StartTransaction):
            self._starting = unique_id, message.connector_id

    def _on_answer(self, unique_id: str, answer: Answer) -> None:
        super()._on_answer(unique_id, answer)
        if self._starting is not None and unique_id == self._starting[0]:
            evse, self._starting = self._evses[self._starting[1]], None
            evse.given = answer.payload.whole("transactionId", _NONE)
            self._tell_held()

    def _boot(self, *, asked: bool) -> None:  # noqa: ARG002 - 1.6 does not say why
        self._boot_at, self._spoke_at = None, self.now
        serial = self.name[:25]
        self._rpc.call(
            call.BootNotification("Simulated AC 1", "ILES", charge_point_serial_number=serial, firmware_version="1")
        )

    def _tell_idle(self, evse: Evse16) -> None:
        self._rpc.call(self._connector(evse))
        self._rpc.call(call.MeterValues(evse.number, [self._sample(evse, _Context.sample_clock)]))

    def _beat(self) -> None:
        self._say(call.Heartbeat())

    def _plug(self, evse: Evse16, session: Session) -> None:
        evse.transaction = f"{session.plugged_at:%y%m%d%H%M%S}:{self._stays}"
        self._tell_status(evse, _Status.preparing)
        register_wh = round(evse.unit.energy_import_wh)
        self._say(call.StartTransaction(evse.number, _ID_TAG, register_wh, stamp(self.now)))
        self._tell_status(evse, self._charging(evse))
        evse.event_at = self.now

    def _update(self, evse: Evse16) -> None:
        self._tell_status(evse, self._charging(evse))
        self._tell_sample(evse, _Context.sample_periodic)
        evse.event_at = self.now

    def _tell_end(self, evse: Evse16) -> None:
        register_wh, at, reason = round(evse.unit.energy_import_wh), stamp(self.now), enums.Reason.ev_disconnected
        self._queue(lambda: call.StopTransaction(register_wh, at, evse.given, reason))

    def _tell_free(self, evse: Evse16) -> None:
        self._tell_status(evse, _Status.finishing)
        self._tell_status(evse, _Status.available)

    @staticmethod
    def _charging(evse: Evse16) -> _Status:
        if evse.unit.power_w > 0:
            return _Status.charging
        return _Status.suspended_evse if held_back(evse.unit) else _Status.suspended_ev

    def _tell_status(self, evse: Evse16, status: _Status) -> None:
        if status is not evse.status:
            evse.status = status
            self._say(self._connector(evse))

    def _connector(self, evse: Evse16) -> call.StatusNotification:
        no_error = enums.ChargePointErrorCode.no_error
        return call.StatusNotification(evse.number, no_error, evse.status, stamp(self.now))

    def _tell_meter(self, evse: Evse16) -> None:
        self._tell_sample(evse, _Context.trigger)

    def _tell_sample(self, evse: Evse16, context: _Context) -> None:
        sample = self._sample(evse, context)
        if evse.session is None:
            self._say(call.MeterValues(evse.number, [sample]))
        else:
            self._queue(lambda: call.MeterValues(evse.number, [sample], evse.given))

    def _sample(self, evse: Evse16, context: _Context) -> datatypes.MeterValue:
        """What `MeterValuesSampledData` names, as far as this station meters it."""
        values = {
            "Power.Active.Import": (evse.unit.power_w / 1000, enums.UnitOfMeasure.kw),
            "Energy.Active.Import.Register": (evse.unit.energy_import_wh, enums.UnitOfMeasure.wh),
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
        connector = payload.whole("connectorId")
        given = self._evses[connector].given if connector in self._evses else _NONE
        answer = answers16.set_profile(self._profiles, payload, self._transaction_at(connector), given)
        self._apply_limits()
        return answer

    def _clear_charging_profile(self, payload: Payload) -> Message:
        answer = answers16.clear_profile(self._profiles, payload)
        self._apply_limits()
        return answer

    def _composite_schedule(self, payload: Payload) -> Message:
        self._must_tell_composites()
        connector = payload.whole("connectorId")
        return answers16.composite_schedule(
            self._profiles,
            payload,
            now=self.now,
            transaction=self._transaction_at(connector),
            max_power_w=self._rating_w(connector),
        )

    def _asked(self, payload: Payload) -> int | None:
        return payload.whole("connectorId", 0) or None

    def _triggered(self, status: str) -> Message:
        return call_result.TriggerMessage(status=enums.TriggerMessageStatus(status))
