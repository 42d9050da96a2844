"""OCPP 2.1 as `devices.ocpp.version.Version`."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from devices.ocpp.needs import Needs
from devices.ocpp.payload import Payload, stamp
from devices.ocpp.rpc import Handler
from devices.ocpp.schemas import Message
from devices.ocpp.station import Station
from devices.ocpp.v21.messages import SCHEMAS, call, call_result, datatypes, enums
from devices.ocpp.v201.heard import Heard
from devices.ocpp.v201.requests import BEHIND, believable, seconds, vehicle_needs
from devices.ocpp.v201.version import Version201
from devices.ocpp.version import LimitFor


class Version21(Version201):
    """See `Version`, and `BothWays`. Limits are asked for as in 2.0.1, which 2.1 has unchanged."""

    title = "OCPP 2.1"
    subprotocol = "ocpp2.1"
    schemas = SCHEMAS

    def set_power(self, power_w: int, now: datetime, valid_until: datetime, how: LimitFor) -> Message:
        """See `devices.ocpp.version.BothWays` (2.1 Q, operation mode CentralSetpoint)."""
        begin = now - BEHIND
        mode = enums.OperationModeEnumType.central_setpoint
        schedule = datatypes.ChargingScheduleType(
            enums.ChargingRateUnitEnumType.w,
            [datatypes.ChargingSchedulePeriodType(0, operation_mode=mode, setpoint=float(power_w))],
            how.profile,
            duration=seconds(begin, valid_until),
            start_schedule=stamp(begin),
        )
        profile = datatypes.ChargingProfileType(
            enums.ChargingProfileKindEnumType.absolute,
            enums.ChargingProfilePurposeEnumType.tx_profile,
            [schedule],
            how.profile,
            how.stack_level,
            transaction_id=how.transaction,
            valid_to=stamp(valid_until),
        )
        return call.SetChargingProfile(profile, how.evse)

    def power_read(self, answer: Payload) -> float | None:
        """See `devices.ocpp.version.BothWays`."""
        schedule = answer.part("schedule")
        rows = schedule.parts("chargingSchedulePeriod")
        told = rows[0] if rows and schedule.text("chargingRateUnit", "") == "W" else Payload()
        return told.number("setpoint") if "setpoint" in told else None

    def handlers(self, station: Station) -> Mapping[str, Handler]:
        """See `Version`."""
        return Heard21(station).handlers()


class Heard21(Heard):
    """What 2.1 says otherwise or besides."""

    def handlers(self) -> Mapping[str, Handler]:
        """By action; what is new concerns grid codes and payment, and changes nothing that is known of power or energy."""
        new: Mapping[str, Handler] = {
            "NotifyDERAlarm": lambda _: call_result.NotifyDERAlarm(),
            "NotifyDERStartStop": lambda _: call_result.NotifyDERStartStop(),
            "NotifyPriorityCharging": lambda _: call_result.NotifyPriorityCharging(),
        }
        return {**super().handlers(), **new}

    def _needs(self, needs: Payload) -> Needs:
        return both_ways(needs) if needs.part("v2xChargingParameters") else vehicle_needs(needs)


def both_ways(needs: Payload) -> Needs:
    """What ChargingNeedsType says of a vehicle that could give energy, too (2.1 part 2, V2XChargingParametersType).

    A power is the sum of the phases, unless those of L2 and L3 are given as well. Raises `PeerFault`.
    """
    said = needs.part("v2xChargingParameters")
    power_w = _whole_power(said, "maxChargePower")
    if power_w <= 0 and "maxChargeCurrent" in said:
        power_w = said.number("maxChargeCurrent") * said.number("maxVoltage")
    wanted = [said.number(name) for name in ("evTargetEnergyRequest", "evMaxEnergyRequest") if name in said]
    departure = needs.instant("departureTime") if "departureTime" in needs else None
    # A negative request: it holds more than it needs, so nothing is wanted.
    energy_wh = max(wanted[0], 0.0) if wanted else None
    needs_w = believable(energy_wh, power_w, _whole_power(said, "minChargePower"), departure)
    given_w = _whole_power(said, "maxDischargePower")
    return needs_w._replace(discharge_w=round(given_w) if 0 < given_w < 1e8 else 0)


def _whole_power(said: Payload, name: str) -> float:
    return sum(said.number(f"{name}{phase}", 0.0) for phase in ("", "_L2", "_L3"))
