"""OCPP 2.0.1 as `devices.ocpp.version.Version`."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from devices.ocpp.payload import Payload, stamp
from devices.ocpp.rpc import Handler
from devices.ocpp.schemas import Message
from devices.ocpp.station import Station
from devices.ocpp.v201 import requests
from devices.ocpp.v201.heard import Heard
from devices.ocpp.v201.messages import SCHEMAS, call_result, enums
from devices.ocpp.version import About, LimitFor

_NO_WATTS = "UnsupportedRateUnit"  # the reason code of a station whose profiles are in amperes (part 2, appendix 5)


class Version201:
    """See `Version`."""

    title = "OCPP 2.0.1"
    subprotocol = "ocpp2.0.1"
    schemas = SCHEMAS
    askable: tuple[str, ...] = ("StatusNotification", "MeterValues", "TransactionEvent")

    def handlers(self, station: Station) -> Mapping[str, Handler]:
        """See `Version`."""
        return Heard(station).handlers()

    def about(self, boot: Payload) -> About:
        """See `Version`."""
        station = boot.part("chargingStation")
        return About(
            station.text("vendorName"),
            station.text("model"),
            station.text("serialNumber", ""),
            station.text("firmwareVersion", ""),
            triggered=boot.text("reason") == enums.BootReasonEnumType.triggered,
        )

    def accepted(self, now: datetime, interval_s: int) -> Message:
        """See `Version`."""
        status = enums.RegistrationStatusEnumType.accepted
        return call_result.BootNotification(current_time=stamp(now), interval=interval_s, status=status)

    def questions(self) -> tuple[Message, ...]:
        """The device model, in which the EVSE's rated power stands, and the profiles that it holds."""
        return requests.get_base_report(), requests.get_charging_profiles()

    def settings(self, interval_s: int) -> tuple[Message, ...]:  # noqa: ARG002 - what a station samples stays as it is
        """None: its operator sets what it samples."""
        return ()

    def learn(self, station: Station, action: str, answer: Payload) -> bool:  # noqa: ARG002 - all that is asked is told by reports
        """See `Version`."""
        return answer.text("status") == "Accepted"

    def trigger(self, what: str, evse: int) -> Message:
        """See `Version`."""
        return requests.trigger(what, evse)

    def set_limit(self, power_w: int, now: datetime, valid_until: datetime, how: LimitFor) -> Message:
        """See `Version`."""
        return requests.set_charging_profile(power_w, now, valid_until, how)

    def wants_amperes(self, answer: Payload) -> bool:
        """See `Version`."""
        return answer.part("statusInfo").text("reasonCode", "") == _NO_WATTS

    def read_limit(self, now: datetime, valid_until: datetime, evse: int) -> Message:
        """See `Version`."""
        return requests.get_composite_schedule(now, valid_until, evse)

    def limit_read(self, answer: Payload) -> tuple[float, float] | None:
        """See `Version`."""
        return requests.composite_limit_w(answer, answer.part("schedule"))

    def clear_limits(self, evse: int) -> tuple[Message, ...]:
        """See `Version`."""
        return requests.clear_charging_profiles(evse)
