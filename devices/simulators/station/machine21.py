"""The station side of OCPP 2.1 without I/O: as 2.0.1, and energy both ways where its vehicles can (V2G)."""

from __future__ import annotations

from devices.ocpp.payload import Payload, stamp
from devices.ocpp.schemas import Message
from devices.ocpp.v21.messages import SCHEMAS
from devices.ocpp.v21.messages import call as call21
from devices.ocpp.v21.messages import call_result as call_result21
from devices.ocpp.v21.messages import datatypes as datatypes21
from devices.ocpp.v21.messages import enums as enums21
from devices.ocpp.v201.messages import datatypes, enums
from devices.simulators.station import message_builders
from devices.simulators.station.machine import Evse201, StationMachine
from devices.simulators.station.physics_port import BothWays, Session


class StationMachine21(StationMachine):
    """See `StationCore`."""

    subprotocol = "ocpp2.1"
    schemas = SCHEMAS

    @staticmethod
    def _gives(evse: Evse201) -> BothWays | None:
        """The physics of an EVSE, where vehicles may give energy back."""
        unit = evse.unit
        return unit if isinstance(unit, BothWays) and unit.discharge_w > 0 else None

    def _apply_limits(self) -> None:
        super()._apply_limits()
        for evse in self._evses.values():
            if (unit := self._gives(evse)) is not None:
                unit.setpoint_w = self._profiles.setpoint_w(self.now, evse.transaction, evse.number)

    def _needs(self, evse: Evse201, session: Session) -> Message:
        unit = self._gives(evse)
        if unit is None:
            return super()._needs(evse, session)
        said = datatypes21.V2XChargingParametersType(
            ev_target_energy_request=max(0.0, session.energy_wh),
            max_charge_power=unit.max_power_w,
            min_charge_power=message_builders.least_w(unit),
            max_discharge_power=unit.discharge_w,
        )
        needs = datatypes21.ChargingNeedsType(
            enums21.EnergyTransferModeEnumType.ac_bpt,
            departure_time=stamp(session.departure),
            v2x_charging_parameters=said,
        )
        return call21.NotifyEVChargingNeeds(needs, evse_id=evse.number)

    def _sample(
        self, evse: Evse201, context: enums.ReadingContextEnumType, ended: bool = False
    ) -> datatypes.MeterValueType:
        sample, unit = super()._sample(evse, context, ended), self._gives(evse)
        if unit is not None:
            power_w = 0.0 if ended else unit.power_w
            sample.sampled_value = [
                *message_builders.meter_value(
                    self.now, max(power_w, 0.0), unit.energy_import_wh, context
                ).sampled_value,
                *message_builders.given_back(max(-power_w, 0.0), unit.energy_export_wh, context),
            ]
        return sample

    def _composite_schedule(self, payload: Payload) -> Message:
        self._must_tell_composites()
        evse = self._evses.get(payload.whole("evseId"))
        asked_w = None
        if evse is not None and self._gives(evse) is not None:
            asked_w = self._profiles.setpoint_w(self.now, evse.transaction, evse.number)
        if asked_w is None:
            return super()._composite_schedule(payload)
        mode = enums21.OperationModeEnumType.central_setpoint
        schedule = datatypes21.CompositeScheduleType(
            enums21.ChargingRateUnitEnumType.w,
            [datatypes21.ChargingSchedulePeriodType(0, operation_mode=mode, setpoint=asked_w)],
            duration=payload.whole("duration"),
            evse_id=payload.whole("evseId"),
            schedule_start=stamp(self.now),
        )
        return call_result21.GetCompositeSchedule(enums21.GenericStatusEnumType.accepted, schedule=schedule)
