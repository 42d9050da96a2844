"""The OCPP 2.0.1 messages with which the simulated station describes itself, its vehicle and its meter."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from devices.ocpp.v201.messages import Payload, call, datatypes, stamp
from devices.simulators.station.physics_port import ChargePoint, Session

VOLTAGE_V = 230
MIN_CURRENT_A = 6  # IEC 61851-1: below this a vehicle does not charge


def boot_notification(name: str, reason: Any) -> Any:
    """Who we are."""
    station = datatypes.ChargingStationType(
        model="Simulated AC 1", vendor_name="ILES", serial_number=name[:25], firmware_version="1"
    )
    return call.BootNotification(charging_station=station, reason=reason)


def status_notification(now: datetime, status: Any) -> Any:
    """The state of the one connector."""
    return call.StatusNotification(stamp(now), connector_status=status, evse_id=1, connector_id=1)


def charging_needs(session: Session, max_power_w: float) -> Any:
    """What the vehicle said it needs; currents are per phase."""
    phases, mode = (3, "AC_three_phase") if max_power_w > VOLTAGE_V * 32 else (1, "AC_single_phase")
    needs = datatypes.ChargingNeedsType(
        requested_energy_transfer=mode,
        departure_time=stamp(session.departure),
        ac_charging_parameters=datatypes.ACChargingParametersType(
            energy_amount=max(0, round(session.energy_wh)),
            ev_min_current=MIN_CURRENT_A,
            ev_max_current=max(1, round(max_power_w / (VOLTAGE_V * phases))),
            ev_max_voltage=VOLTAGE_V,
        ),
    )
    return call.NotifyEVChargingNeeds(charging_needs=needs, evse_id=1)


def meter_value(now: datetime, power_w: float, energy_wh: float, context: str) -> Any:
    """Active import power and the import register."""
    samples = [
        _sample(power_w, "Power.Active.Import", "W", context),
        _sample(energy_wh, "Energy.Active.Import.Register", "Wh", context),
    ]
    return datatypes.MeterValueType(stamp(now), sampled_value=samples)


def transaction(number: str, charging_state: str, ended: bool) -> Any:
    """The transaction as it stands."""
    reason = "EVDisconnected" if ended else None
    return datatypes.TransactionType(transaction_id=number, charging_state=charging_state, stopped_reason=reason)


def composite_schedule(request: Payload, now: datetime, steps: list[tuple[int, float]]) -> Any:
    """What a GetCompositeSchedule request gets: (seconds from now, limit in watts) of each step."""
    return datatypes.CompositeScheduleType(
        evse_id=request["evseId"],
        duration=request["duration"],
        schedule_start=stamp(now),
        charging_rate_unit="W",
        charging_schedule_period=[datatypes.ChargingSchedulePeriodType(start, limit) for start, limit in steps],
    )


def report(request_id: int, now: datetime, unit: ChargePoint) -> Any:
    """The part of the device model that this station has: the EVSE's power and its rating."""
    power = datatypes.ReportDataType(
        component=datatypes.ComponentType(name="EVSE", evse=datatypes.EVSEType(id=1)),
        variable=datatypes.VariableType(name="Power"),
        variable_attribute=[datatypes.VariableAttributeType(value=f"{unit.power_w:g}")],
        variable_characteristics=datatypes.VariableCharacteristicsType(
            data_type="decimal", supports_monitoring=False, unit="W", max_limit=float(unit.max_power_w)
        ),
    )
    return call.NotifyReport(request_id, generated_at=stamp(now), seq_no=0, report_data=[power])


def unknown_variables(request: Payload) -> list[Any]:
    """The answer to each item of a GetVariables request: this station tells its device model by report only."""
    return [
        datatypes.GetVariableResultType(
            attribute_status="UnknownComponent",
            component=item["component"],
            variable=item["variable"],
            attribute_type=item.get("attributeType"),
        )
        for item in request["getVariableData"]
    ]


def _sample(value: float, measurand: str, unit: str, context: str) -> Any:
    return datatypes.SampledValueType(
        value=round(value, 3),
        context=context,
        measurand=measurand,
        unit_of_measure=datatypes.UnitOfMeasureType(unit=unit),
    )
