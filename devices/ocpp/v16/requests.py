"""What the CSMS asks of a station, as OCPP 1.6 requests."""

from __future__ import annotations

from datetime import datetime

from devices.ocpp.payload import stamp
from devices.ocpp.v16.messages import call, datatypes, enums
from devices.ocpp.v201.requests import BEHIND, THREE_PHASES, amperes, seconds
from devices.ocpp.version import STATION_ID, WHOLE, LimitFor, ids_at

RATE_UNITS = "ChargingScheduleAllowedChargingRateUnit"  # 9.4: Current, Power or both
MAX_LEVEL = "ChargeProfileMaxStackLevel"  # 9.4
_LEAST_A = 6.0  # IEC 61851-1: a smaller current cannot be told to a vehicle
_SAMPLE_S = 60  # assumed: fine enough to correct by within an interval of settlement
_SAMPLED = "Power.Active.Import,Energy.Active.Import.Register"


def limit_settings() -> call.GetConfiguration:
    """5.8: in which unit it takes limits, and up to which stack level."""
    return call.GetConfiguration(key=[RATE_UNITS, MAX_LEVEL])


def settings(interval_s: int) -> tuple[call.ChangeConfiguration, ...]:
    """5.3: what is sampled while a vehicle charges, and how often."""
    return (
        call.ChangeConfiguration(key="MeterValuesSampledData", value=_SAMPLED),
        call.ChangeConfiguration(key="MeterValueSampleInterval", value=str(min(_SAMPLE_S, interval_s))),
    )


def set_charging_profile(power_w: int, now: datetime, valid_until: datetime, how: LimitFor) -> call.SetChargingProfile:
    """5.16: at most `power_w` from `now` to `valid_until`; see `devices.ocpp.v201.requests.set_charging_profile`.

    In amperes less than 6 A is 0 A: of what lies between, some stations make 6 A, which is more than was asked for.
    """
    begin, units = now - BEHIND, enums.ChargingRateUnitType
    limit: float = power_w
    if how.in_amperes:
        limit = amperes(power_w)
        limit = limit if limit >= _LEAST_A else 0.0
    period = datatypes.ChargingSchedulePeriod(
        start_period=0, limit=limit, number_phases=THREE_PHASES if how.in_amperes else None
    )
    profile = datatypes.ChargingProfile(
        charging_profile_id=how.profile,
        transaction_id=int(how.transaction) if how.transaction else None,
        stack_level=how.stack_level,
        charging_profile_purpose=enums.ChargingProfilePurposeType(
            how.purpose.replace("ChargingStation", "ChargePoint")
        ),
        charging_profile_kind=enums.ChargingProfileKindType.absolute,
        valid_to=stamp(valid_until),
        charging_schedule=datatypes.ChargingSchedule(
            charging_rate_unit=units.amps if how.in_amperes else units.watts,
            charging_schedule_period=[period],
            duration=seconds(begin, valid_until),
            start_schedule=stamp(begin),
        ),
    )
    return call.SetChargingProfile(connector_id=how.evse, cs_charging_profiles=profile)


def get_composite_schedule(now: datetime, valid_until: datetime, connector: int) -> call.GetCompositeSchedule:
    """5.7: what applies from now on, in the unit that the station likes best: some answer in one only."""
    return call.GetCompositeSchedule(connector_id=connector, duration=seconds(now, valid_until))


def clear_charging_profiles(connector: int) -> tuple[call.ClearChargingProfile, ...]:
    """5.5: drop our profiles at a connector, also those of a driver before this one, and nobody else's."""
    ours = (STATION_ID,) if connector == WHOLE else ids_at(connector)
    return tuple(call.ClearChargingProfile(id=number) for number in ours)


def trigger(what: str, connector: int) -> call.TriggerMessage:
    """5.17: send a message of this kind now, about the connector; at boot the station tells of itself."""
    whole = what == "BootNotification"
    return call.TriggerMessage(requested_message=enums.MessageTrigger(what), connector_id=None if whole else connector)
