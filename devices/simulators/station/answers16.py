"""What the simulated OCPP 1.6 station answers to the CSMS's requests: settings (5.3, 5.8), charging profiles (5.5, 5.7, 5.16)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from types import MappingProxyType

from devices.dial_in.strict_json import Json
from devices.ocpp.payload import Payload, PeerFault, stamp
from devices.ocpp.v16.messages import call_result, datatypes, enums
from devices.simulators.station.message_builders import VOLTAGE_V
from devices.simulators.station.profiles import MAX_STACK_LEVEL, Profiles

_READ_ONLY = ("ChargingScheduleAllowedChargingRateUnit", "NumberOfConnectors", "ChargeProfileMaxStackLevel")
SETTINGS: Mapping[str, str] = MappingProxyType(
    {
        "ChargingScheduleAllowedChargingRateUnit": "Current,Power",
        "NumberOfConnectors": "1",
        "ChargeProfileMaxStackLevel": str(MAX_STACK_LEVEL),
        "HeartbeatInterval": "900",
        "MeterValueSampleInterval": "900",
        "MeterValuesSampledData": "Power.Active.Import,Energy.Active.Import.Register",
    }
)


def configuration(settings: Mapping[str, str], request: Payload) -> call_result.GetConfiguration:
    """The settings that are asked for, or all."""
    asked = request.texts("key") or list(settings)
    known = [datatypes.KeyValue(key, key in _READ_ONLY, settings[key]) for key in asked if key in settings]
    return call_result.GetConfiguration(known or None, [key for key in asked if key not in settings] or None)


def change(settings: dict[str, str], request: Payload) -> call_result.ChangeConfiguration:
    """Put a setting; an interval must be a number of seconds."""
    key, value, statuses = request.text("key"), request.text("value"), enums.ConfigurationStatus
    if key not in settings:
        return call_result.ChangeConfiguration(statuses.not_supported)
    if key in _READ_ONLY or (key.endswith("Interval") and not value.isdecimal()):
        return call_result.ChangeConfiguration(statuses.rejected)
    settings[key] = value
    return call_result.ChangeConfiguration(statuses.accepted)


def set_profile(profiles: Profiles, request: Payload, transaction: str, number: int) -> call_result.SetChargingProfile:
    """Install a profile; 1.6 gives no reason for a refusal.

    Args:
        transaction: by which the station knows the running one; "" where none runs.
        number: the CSMS's number of it.
    """
    given = request.part("csChargingProfiles")
    if "transactionId" in given and given.whole("transactionId") != number:
        return call_result.SetChargingProfile(enums.ChargingProfileStatus.rejected)
    try:
        refused = profiles.install(_as_201(request, given, transaction), transaction)
    except PeerFault:  # a schedule without a start, say: `Relative` is not supported here
        refused = "InvalidSchedule"
    statuses = enums.ChargingProfileStatus
    return call_result.SetChargingProfile(statuses.rejected if refused else statuses.accepted)


def _as_201(request: Payload, given: Payload, transaction: str) -> Payload:
    """The request as 2.0.1 has it, whose profiles say the same by other names."""
    purpose = given.text("chargingProfilePurpose").replace("ChargePoint", "ChargingStation")
    profile: dict[str, Json] = {
        **given.fields,
        "id": given.whole("chargingProfileId"),
        "chargingProfilePurpose": purpose,
        "chargingSchedule": [dict(given.part("chargingSchedule").fields)],
    }
    profile.pop("transactionId", None)
    if purpose == "TxProfile":
        profile["transactionId"] = transaction
    return Payload({"evseId": request.whole("connectorId"), "chargingProfile": profile})


def clear_profile(profiles: Profiles, request: Payload) -> call_result.ClearChargingProfile:
    """Drop profiles; Unknown when none fitted."""
    criteria = {
        name: value for name, value in request.fields.items() if name in ("chargingProfilePurpose", "stackLevel")
    }
    wanted: dict[str, Json] = {"chargingProfileCriteria": criteria}
    if "id" in request:
        wanted["chargingProfileId"] = request.whole("id")
    statuses = enums.ClearChargingProfileStatus
    return call_result.ClearChargingProfile(statuses.accepted if profiles.clear(Payload(wanted)) else statuses.unknown)


def composite_schedule(
    profiles: Profiles, request: Payload, *, now: datetime, transaction: str, max_power_w: float
) -> call_result.GetCompositeSchedule:
    """What applies from `now` on, in watts unless amperes are asked for; Rejected for another connector."""
    statuses, units, connector = (
        enums.GetCompositeScheduleStatus,
        enums.ChargingRateUnitType,
        request.whole("connectorId"),
    )
    if not 0 <= connector <= profiles.evses:
        return call_result.GetCompositeSchedule(statuses.rejected)
    unit = units(request.text("chargingRateUnit", units.watts))
    steps = profiles.composite(now, request.whole("duration"), transaction, max_power_w, connector)
    per_phase = 1.0 if unit is units.watts else 1 / (3 * VOLTAGE_V)
    periods: list[Json] = [{"startPeriod": at, "limit": round(watts * per_phase, 1)} for at, watts in steps]
    schedule: dict[str, Json] = {
        "duration": request.whole("duration"),
        "startSchedule": stamp(now),
        "chargingRateUnit": unit.value,
        "chargingSchedulePeriod": periods,
    }
    return call_result.GetCompositeSchedule(statuses.accepted, connector, stamp(now), schedule)
