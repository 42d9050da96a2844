"""The OCPP 2.0.1 messages with which the simulated station describes itself, its vehicle and its meter."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from devices.ocpp.payload import Payload, stamp
from devices.ocpp.v201.messages import call, datatypes, enums
from devices.simulators.station.physics_port import AtLeast, ChargePoint, Session
from devices.simulators.station.profiles import MAX_STACK_LEVEL

VOLTAGE_V = 230
MIN_CURRENT_A = 6  # IEC 61851-1: below this a vehicle does not charge


def boot_notification(name: str, reason: enums.BootReasonEnumType) -> call.BootNotification:
    """Who we are."""
    station = datatypes.ChargingStationType(
        model="Simulated AC 1", vendor_name="ILES", serial_number=name[:25], firmware_version="1"
    )
    return call.BootNotification(charging_station=station, reason=reason)


def connector_status(now: datetime, evse: int, *, occupied: bool) -> call.StatusNotification:
    """The state of the one connector of an EVSE: occupied by a vehicle, or available."""
    states = enums.ConnectorStatusEnumType
    status = states.occupied if occupied else states.available
    return call.StatusNotification(stamp(now), connector_status=status, evse_id=evse, connector_id=1)


def least_w(unit: ChargePoint) -> float:
    """With less than this the vehicle does not charge, W; 0 where it takes any power."""
    return unit.min_power_w if isinstance(unit, AtLeast) else 0.0


def charging_needs(
    session: Session, max_power_w: float, min_power_w: float = 0.0, *, evse: int = 1
) -> call.NotifyEVChargingNeeds:
    """What the vehicle said it needs; currents are per phase."""
    three, modes = max_power_w > VOLTAGE_V * 32, enums.EnergyTransferModeEnumType
    phases, mode = (3, modes.ac_three_phase) if three else (1, modes.ac_single_phase)
    needs = datatypes.ChargingNeedsType(
        requested_energy_transfer=mode,
        departure_time=stamp(session.departure),
        ac_charging_parameters=datatypes.ACChargingParametersType(
            energy_amount=max(0, round(session.energy_wh)),
            ev_min_current=round(min_power_w / (VOLTAGE_V * phases)),
            ev_max_current=max(1, round(max_power_w / (VOLTAGE_V * phases))),
            ev_max_voltage=VOLTAGE_V,
        ),
    )
    return call.NotifyEVChargingNeeds(charging_needs=needs, evse_id=evse)


def meter_value(
    now: datetime, power_w: float, energy_wh: float, context: enums.ReadingContextEnumType
) -> datatypes.MeterValueType:
    """Active import power and the import register."""
    samples = [
        _sample(power_w, enums.MeasurandEnumType.power_active_import, "W", context),
        _sample(energy_wh, enums.MeasurandEnumType.energy_active_import_register, "Wh", context),
    ]
    return datatypes.MeterValueType(stamp(now), sampled_value=samples)


def given_back(
    power_w: float, energy_wh: float, context: enums.ReadingContextEnumType
) -> list[datatypes.SampledValueType]:
    """Active export power and the export register."""
    return [
        _sample(power_w, enums.MeasurandEnumType.power_active_export, "W", context),
        _sample(energy_wh, enums.MeasurandEnumType.energy_active_export_register, "Wh", context),
    ]


def transaction(number: str, charging_state: enums.ChargingStateEnumType, ended: bool) -> datatypes.TransactionType:
    """The transaction as it stands."""
    reason = enums.ReasonEnumType.ev_disconnected if ended else None
    return datatypes.TransactionType(transaction_id=number, charging_state=charging_state, stopped_reason=reason)


def charging_state(unit: ChargePoint, ended: bool = False) -> enums.ChargingStateEnumType:
    """What the plugged vehicle does now; Idle when the transaction has ended."""
    states = enums.ChargingStateEnumType
    if ended:
        return states.idle
    if unit.power_w != 0:  # 2.1: to the vehicle or from it
        return states.charging
    return states.suspended_evse if held_back(unit) else states.suspended_ev


def held_back(unit: ChargePoint) -> bool:
    """Whether it is the limit that leaves the vehicle without power."""
    return unit.limit_w is not None and unit.limit_w < max(MIN_CURRENT_A * VOLTAGE_V, least_w(unit))


def transaction_event(
    about: datatypes.TransactionType,
    *,
    event_type: enums.TransactionEventEnumType,
    trigger: enums.TriggerReasonEnumType,
    number: int,
    now: datetime,
    samples: list[datatypes.MeterValueType],
    offline: bool,
    evse: int,
) -> call.TransactionEvent:
    """Event `number` (from 0) of a transaction at an EVSE; `offline`: it happens while nobody hears it (E04)."""
    return call.TransactionEvent(
        event_type=event_type,
        timestamp=stamp(now),
        trigger_reason=trigger,
        seq_no=number,
        transaction_info=about,
        meter_value=samples,
        offline=offline or None,
        evse=datatypes.EVSEType(id=evse, connector_id=1),
    )


def report(request_id: int, now: datetime, units: Mapping[int, ChargePoint]) -> call.NotifyReport:
    """The part of the device model that this station has: each EVSE's power and its rating, and the levels of profiles."""
    powers = [
        datatypes.ReportDataType(
            component=datatypes.ComponentType(name="EVSE", evse=datatypes.EVSEType(id=number)),
            variable=datatypes.VariableType(name="Power"),
            variable_attribute=[datatypes.VariableAttributeType(value=f"{unit.power_w:g}")],
            variable_characteristics=datatypes.VariableCharacteristicsType(
                data_type=enums.DataEnumType.decimal,
                supports_monitoring=False,
                unit="W",
                max_limit=float(unit.max_power_w),
            ),
        )
        for number, unit in units.items()
    ]
    levels = datatypes.ReportDataType(
        component=datatypes.ComponentType(name="SmartChargingCtrlr"),
        variable=datatypes.VariableType(name="ProfileStackLevel"),
        variable_attribute=[datatypes.VariableAttributeType(value=str(MAX_STACK_LEVEL))],
        variable_characteristics=datatypes.VariableCharacteristicsType(
            data_type=enums.DataEnumType.integer, supports_monitoring=False
        ),
    )
    return call.NotifyReport(request_id, generated_at=stamp(now), seq_no=0, report_data=[*powers, levels])


def unknown_variables(request: Payload) -> list[datatypes.GetVariableResultType]:
    """The answer to each item of a GetVariables request: this station tells its device model by report only."""
    return [
        datatypes.GetVariableResultType(
            attribute_status=enums.GetVariableStatusEnumType.unknown_component,
            component=_component(item.part("component")),
            variable=datatypes.VariableType(item.part("variable").text("name"), _instance(item.part("variable"))),
            attribute_type=enums.AttributeEnumType(item.text("attributeType")) if "attributeType" in item else None,
        )
        for item in request.parts("getVariableData")
    ]


def _component(asked: Payload) -> datatypes.ComponentType:
    place = asked.part("evse")
    connector = place.whole("connectorId") if "connectorId" in place else None
    evse = datatypes.EVSEType(place.whole("id"), connector) if place else None
    return datatypes.ComponentType(asked.text("name"), _instance(asked), evse)


def _instance(asked: Payload) -> str | None:
    return asked.text("instance") if "instance" in asked else None


def _sample(
    value: float, measurand: enums.MeasurandEnumType, unit: str, context: enums.ReadingContextEnumType
) -> datatypes.SampledValueType:
    return datatypes.SampledValueType(
        value=round(value, 3),
        context=context,
        measurand=measurand,
        unit_of_measure=datatypes.UnitOfMeasureType(unit=unit),
    )
