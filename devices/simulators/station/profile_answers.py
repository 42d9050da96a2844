"""What the simulated station answers to the CSMS's requests about charging profiles (OCPP 2.0.1, K01, K08, K10)."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from devices.ocpp.payload import Payload, stamp
from devices.ocpp.v201.messages import call, call_result, datatypes, enums
from devices.simulators.station.profiles import Profiles


def set_profile(profiles: Profiles, request: Payload, transaction: str) -> call_result.SetChargingProfile:
    """Install a profile; a refusal gives its reason."""
    reason, statuses = profiles.install(request, transaction), enums.ChargingProfileStatusEnumType
    info = datatypes.StatusInfoType(reason_code=reason) if reason else None
    return call_result.SetChargingProfile(statuses.rejected if reason else statuses.accepted, status_info=info)


def get_profiles(profiles: Profiles) -> call_result.GetChargingProfiles:
    """Whether there are any to report."""
    statuses = enums.GetChargingProfileStatusEnumType
    return call_result.GetChargingProfiles(statuses.accepted if profiles.held else statuses.no_profiles)


def report_profiles(profiles: Profiles, request_id: int) -> list[call.ReportChargingProfiles]:
    """All of them, in one report for each EVSE (0: the whole station) that has some."""
    held: dict[int, list[Any]] = {}
    for evse, profile in profiles.held:
        held.setdefault(evse, []).append(dict(profile.fields))
    source, last = enums.ChargingLimitSourceEnumType.cso, list(held)[-1:]
    return [
        call.ReportChargingProfiles(request_id, source, found, evse, tbc=None if [evse] == last else True)
        for evse, found in held.items()
    ]


def clear_profile(profiles: Profiles, request: Payload) -> call_result.ClearChargingProfile:
    """Drop profiles; Unknown when none fitted."""
    statuses = enums.ClearChargingProfileStatusEnumType
    return call_result.ClearChargingProfile(status=statuses.accepted if profiles.clear(request) else statuses.unknown)


def composite_schedule(
    profiles: Profiles, request: Payload, *, now: datetime, transaction: str, max_power_w: float
) -> call_result.GetCompositeSchedule:
    """What applies from `now` on, in watts; Rejected for another EVSE or for a schedule in amperes."""
    statuses, evse, unit = enums.GenericStatusEnumType, request.whole("evseId"), enums.ChargingRateUnitEnumType.watts
    if not 0 <= evse <= profiles.evses or request.text("chargingRateUnit", unit) != unit:
        return call_result.GetCompositeSchedule(status=statuses.rejected)
    steps = profiles.composite(now, request.whole("duration"), transaction, max_power_w, evse)
    schedule = datatypes.CompositeScheduleType(
        evse_id=evse,
        duration=request.whole("duration"),
        schedule_start=stamp(now),
        charging_rate_unit=unit,
        charging_schedule_period=[datatypes.ChargingSchedulePeriodType(start, limit_w) for start, limit_w in steps],
    )
    return call_result.GetCompositeSchedule(status=statuses.accepted, schedule=schedule)
