"""OCPP 1.6 as `devices.ocpp.version.Version`."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from devices.ocpp.payload import Payload, stamp
from devices.ocpp.rpc import Handler
from devices.ocpp.schemas import Message
from devices.ocpp.station import Station
from devices.ocpp.v16 import requests
from devices.ocpp.v16.heard import Heard
from devices.ocpp.v16.messages import SCHEMAS, call_result, enums
from devices.ocpp.v201.requests import composite_limit_w
from devices.ocpp.version import About, LimitFor


class Version16:
    """See `Version`."""

    title = "OCPP 1.6"
    subprotocol = "ocpp1.6"
    schemas = SCHEMAS
    askable: tuple[str, ...] = ("StatusNotification", "MeterValues")

    def handlers(self, station: Station) -> Mapping[str, Handler]:
        """See `Version`."""
        return Heard(station).handlers()

    def about(self, boot: Payload) -> About:
        """See `Version`."""
        return About(
            boot.text("chargePointVendor"),
            boot.text("chargePointModel"),
            boot.text("chargePointSerialNumber", boot.text("chargeBoxSerialNumber", "")),
            boot.text("firmwareVersion", ""),
            triggered=None,
        )

    def accepted(self, now: datetime, interval_s: int) -> Message:
        """See `Version`."""
        status = enums.RegistrationStatus.accepted
        return call_result.BootNotification(current_time=stamp(now), interval=interval_s, status=status)

    def questions(self) -> tuple[Message, ...]:
        """The units in which it takes limits, and the levels."""
        return (requests.limit_settings(),)

    def settings(self, interval_s: int) -> tuple[Message, ...]:
        """What it is to sample: left to itself, a station of 1.6 tells the register alone."""
        return requests.settings(interval_s)

    def learn(self, station: Station, action: str, answer: Payload) -> bool:
        """See `Version`: whether it takes amperes only, and its highest level. There is no report."""
        if action == "GetConfiguration":
            for pair in answer.parts("configurationKey"):
                key, value = pair.text("key"), pair.text("value", "")
                if key == requests.RATE_UNITS and value:
                    station.wide.in_amperes = "Power" not in value
                elif key == requests.MAX_LEVEL:
                    station.wide.takes_levels(value)
        return False

    def trigger(self, what: str, evse: int) -> Message:
        """See `Version`."""
        return requests.trigger(what, evse)

    def set_limit(self, power_w: int, now: datetime, valid_until: datetime, how: LimitFor) -> Message:
        """See `Version`."""
        return requests.set_charging_profile(power_w, now, valid_until, how)

    def wants_amperes(self, answer: Payload) -> bool:
        """See `Version`: a refusal has no reason here, so the other unit is worth a try."""
        return answer.text("status") == "Rejected"

    def read_limit(self, now: datetime, valid_until: datetime, evse: int) -> Message:
        """See `Version`."""
        return requests.get_composite_schedule(now, valid_until, evse)

    def limit_read(self, answer: Payload) -> tuple[float, float] | None:
        """See `Version`."""
        return composite_limit_w(answer, answer.part("chargingSchedule"))

    def clear_limits(self, evse: int) -> tuple[Message, ...]:
        """See `Version`."""
        return requests.clear_charging_profiles(evse)
