"""What the CSMS asks of a station, as OCPP 2.0.1 requests."""

from __future__ import annotations

from datetime import datetime, timedelta
from math import floor

from cim.mapping.ocpp import DEFAULT_CONTEXT, DEFAULT_LOCATION, DEFAULT_MEASURAND, NOMINAL_V, SampledValue
from devices.ocpp.needs import Needs
from devices.ocpp.payload import Payload, PeerFault, stamp
from devices.ocpp.v201.messages import call, datatypes, enums
from devices.ocpp.version import STATION_ID, WHOLE, LimitFor, ids_at

BEHIND = timedelta(minutes=1)  # how far a station's clock may be behind; it is set at boot and by each heartbeat
THREE_PHASES = 3  # OCPP assumes three phases where a profile names none
_STEP_W, _STEP_A = 0.5, 0.05  # half of what a station may round a limit to
_PHASES = {"AC_single_phase": 1, "AC_two_phase": 2, "AC_three_phase": 3}


def set_charging_profile(power_w: int, now: datetime, valid_until: datetime, how: LimitFor) -> call.SetChargingProfile:
    """K01: at most `power_w` from `now` to `valid_until`, one period in watts, or in amperes for each of three phases.

    The schedule begins a little earlier, because a station whose clock is behind ours would leave it for later.
    A TxProfile of the running transaction; without one, a TxDefaultProfile for whoever plugs in before it ends. The
    schedule's duration says the same as validTo, for stations that heed only one of them. Of one purpose the highest
    stack level counts, and one at the same level would be replaced for good.
    """
    begin, units, periods = now - BEHIND, enums.ChargingRateUnitEnumType, datatypes.ChargingSchedulePeriodType
    schedule = datatypes.ChargingScheduleType(
        id=how.profile,
        start_schedule=stamp(begin),
        duration=seconds(begin, valid_until),
        charging_rate_unit=units.amps if how.in_amperes else units.watts,
        charging_schedule_period=[
            _period_a(power_w) if how.in_amperes else periods(start_period=0, limit=float(power_w))
        ],
    )
    profile = datatypes.ChargingProfileType(
        id=how.profile,
        stack_level=how.stack_level,
        charging_profile_purpose=enums.ChargingProfilePurposeEnumType(how.purpose),
        charging_profile_kind=enums.ChargingProfileKindEnumType.absolute,
        charging_schedule=[schedule],
        valid_to=stamp(valid_until),
        transaction_id=how.transaction,
    )
    return call.SetChargingProfile(evse_id=how.evse, charging_profile=profile)


def amperes(power_w: int) -> float:
    """A limit as current a phase, rounded down to a tenth: by fewer phases than three a vehicle gets less, never more."""
    return floor(10 * power_w / (NOMINAL_V * THREE_PHASES)) / 10


def _period_a(power_w: int) -> datatypes.ChargingSchedulePeriodType:
    return datatypes.ChargingSchedulePeriodType(start_period=0, limit=amperes(power_w), number_phases=THREE_PHASES)


def composite_limit_w(composite: Payload, schedule: Payload) -> tuple[float, float] | None:
    """The limit (W) at the head of the `schedule` of a GetCompositeSchedule response, and how far it may be off by its step.

    None where the station does not tell it.

    Raises:
        PeerFault: a field has another type than the schema says.
    """
    rows = schedule.parts("chargingSchedulePeriod")
    if composite.text("status") != "Accepted" or not rows or "limit" not in rows[0]:
        return None
    limit = rows[0].number("limit")
    if schedule.text("chargingRateUnit", "") != "A" or limit < 0:
        return limit, _STEP_W
    volts = NOMINAL_V * rows[0].whole("numberPhases", THREE_PHASES)
    return limit * volts, _STEP_A * volts


def get_composite_schedule(now: datetime, valid_until: datetime, evse: int) -> call.GetCompositeSchedule:
    """K08: what applies from now on, in watts."""
    unit = enums.ChargingRateUnitEnumType.watts
    return call.GetCompositeSchedule(duration=seconds(now, valid_until), evse_id=evse, charging_rate_unit=unit)


def clear_charging_profiles(evse: int) -> tuple[call.ClearChargingProfile, ...]:
    """K10: drop our profiles at an EVSE, also those of a driver before this one, and nobody else's."""
    ours = (STATION_ID,) if evse == WHOLE else ids_at(evse)
    return tuple(call.ClearChargingProfile(charging_profile_id=number) for number in ours)


def get_charging_profiles() -> call.GetChargingProfiles:
    """K09: which profiles it holds, whoever put them there."""
    return call.GetChargingProfiles(request_id=2, charging_profile=datatypes.ChargingProfileCriterionType())


def get_base_report() -> call.GetBaseReport:
    """B07: the configuration inventory, in which the EVSE's rated power stands."""
    return call.GetBaseReport(request_id=1, report_base=enums.ReportBaseEnumType.configuration_inventory)


def trigger(what: str, evse: int) -> call.TriggerMessage:
    """F06: send a message of this kind now, about the EVSE; at boot the station tells of itself."""
    if what == "BootNotification":
        return call.TriggerMessage(requested_message=enums.MessageTriggerEnumType.boot_notification)
    connector = 1 if what == "StatusNotification" else None
    about = datatypes.EVSEType(id=evse, connector_id=connector)
    return call.TriggerMessage(requested_message=enums.MessageTriggerEnumType(what), evse=about)


def samples(sampled_values: list[Payload]) -> list[SampledValue]:
    """The SampledValueTypes of a meter value, as the mapping to CIM takes them."""
    found = []
    for sample in sampled_values:
        unit = sample.part("unitOfMeasure")
        found.append(
            SampledValue(
                sample.number("value"),
                sample.text("measurand", DEFAULT_MEASURAND),
                sample.text("phase") if "phase" in sample else None,
                unit.text("unit") if "unit" in unit else None,
                unit.whole("multiplier", 0),
                sample.text("location", DEFAULT_LOCATION),
                sample.text("context", DEFAULT_CONTEXT),
            )
        )
    return found


def vehicle_needs(needs: Payload) -> Needs:
    """What ChargingNeedsType says (K15); AC currents are per phase. Raises `PeerFault`."""
    least_w, energy_wh = 0.0, None
    ac, dc = needs.part("acChargingParameters"), needs.part("dcChargingParameters")
    if ac:
        phases = _PHASES.get(needs.text("requestedEnergyTransfer"), 1)
        volts = ac.number("evMaxVoltage") * phases
        energy_wh, power_w = ac.number("energyAmount"), ac.number("evMaxCurrent") * volts
        least_w = ac.number("evMinCurrent", 0) * volts
    elif dc:
        energy_wh = _dc_energy_wh(dc)
        power_w = dc.number("evMaxPower", dc.number("evMaxCurrent") * dc.number("evMaxVoltage"))
    else:
        raise PeerFault("PropertyConstraintViolation", "chargingNeeds: expected AC or DC charging parameters")
    return believable(energy_wh, power_w, least_w, needs.instant("departureTime") if "departureTime" in needs else None)


def _dc_energy_wh(dc: Payload) -> float | None:
    """What a DC vehicle wants: said, or by its battery and how full that is to be; None where it says neither."""
    if "energyAmount" in dc:
        return dc.number("energyAmount")
    if "evEnergyCapacity" not in dc or "stateOfCharge" not in dc:
        return None
    percent = dc.whole("fullSoC", 100) - dc.whole("stateOfCharge")
    return max(percent, 0) * dc.number("evEnergyCapacity") // 100


def believable(energy_wh: float | None, power_w: float, least_w: float, departure: datetime | None) -> Needs:
    """A vehicle's needs in whole units. Raises `PeerFault` where no vehicle has such."""
    if not 0 <= (energy_wh or 0) < 1e7 or not 0 < power_w < 1e8:
        raise PeerFault("PropertyConstraintViolation", f"{energy_wh} Wh at {power_w:g} W is not a vehicle's need")
    least, energy = round(min(max(least_w, 0.0), power_w)), None if energy_wh is None else round(energy_wh)
    return Needs(energy, round(power_w), least, departure)


def seconds(now: datetime, valid_until: datetime) -> int:
    """Whole seconds from `now` to `valid_until`, at least one."""
    return max(1, round((valid_until - now).total_seconds()))
