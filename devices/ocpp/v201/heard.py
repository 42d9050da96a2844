"""What a station says in OCPP 2.0.1, put into what is known of it."""

from __future__ import annotations

from collections.abc import Mapping

from devices.ocpp.foreign import foreign_limits
from devices.ocpp.needs import Needs
from devices.ocpp.payload import Payload, stamp
from devices.ocpp.rpc import Handler
from devices.ocpp.schemas import Message
from devices.ocpp.state import MeterValue, StationState
from devices.ocpp.v201 import requests
from devices.ocpp.v201.acknowledged import ACKNOWLEDGED, anyone
from devices.ocpp.v201.messages import call_result, enums
from devices.ocpp.version import EVSE


class Heard:
    """The handlers of one station's messages."""

    def __init__(self, state: StationState) -> None:
        self._state = state

    def handlers(self) -> Mapping[str, Handler]:
        """By action."""
        return {
            **ACKNOWLEDGED,
            "StatusNotification": self._status_notification,
            "MeterValues": self._meter_values,
            "TransactionEvent": self._transaction_event,
            "NotifyReport": self._notify_report,
            "ReportChargingProfiles": self._report_profiles,
            "NotifyEVChargingNeeds": self._charging_needs,
            "Heartbeat": lambda _: call_result.Heartbeat(current_time=stamp(self._state.now)),
        }

    def _status_notification(self, payload: Payload) -> Message:
        self._state.connector(payload.instant("timestamp"), payload.whole("evseId"), payload.text("connectorStatus"))
        return call_result.StatusNotification()

    def _meter_values(self, payload: Payload) -> Message:
        if not self._state.is_other(payload.whole("evseId")):
            self._state.measure(_meter_values_of(payload))
        return call_result.MeterValues()

    def _notify_report(self, payload: Payload) -> Message:
        state = self._state
        for item in payload.parts("reportData"):
            what = item.part("component").text("name"), item.part("variable").text("name")
            if what == ("SmartChargingCtrlr", "ProfileStackLevel"):
                for attribute in item.parts("variableAttribute"):
                    if attribute.text("type", "Actual") == "Actual":
                        state.takes_levels(attribute.text("value", ""))
            elif what == ("EVSE", "Power"):
                limit_w = item.part("variableCharacteristics").number("maxLimit", -1.0)
                if 0 <= limit_w < 1e9:
                    state.max_power_w = round(limit_w)
        state.report_ended = not payload.flag("tbc", default=False)
        return call_result.NotifyReport()

    def _report_profiles(self, payload: Payload) -> Message:
        if payload.whole("evseId") in (0, EVSE):
            for profile in payload.parts("chargingProfile"):
                self._state.holds(foreign_limits(profile, requests.OURS))
        self._state.report_ended = not payload.flag("tbc", default=False)
        return call_result.ReportChargingProfiles()

    def _charging_needs(self, payload: Payload) -> Message:
        statuses = enums.NotifyEVChargingNeedsStatusEnumType
        if self._state.is_other(payload.whole("evseId")):
            return call_result.NotifyEVChargingNeeds(status=statuses.rejected)
        told_at = payload.instant("timestamp") if "timestamp" in payload else None  # 2.1 only
        self._state.needs(self._needs(payload.part("chargingNeeds"))._replace(told_at=told_at))
        return call_result.NotifyEVChargingNeeds(status=statuses.accepted)

    def _needs(self, needs: Payload) -> Needs:
        return requests.vehicle_needs(needs)

    def _transaction_event(self, payload: Payload) -> Message:
        self._state.transaction_event(
            payload.part("transactionInfo").text("transactionId"),
            payload.text("eventType"),
            payload.instant("timestamp"),
            _meter_values_of(payload),
            evse=payload.part("evse").whole("id") if "evse" in payload else None,
            queued=payload.flag("offline", default=False),
        )
        token = anyone() if "idToken" in payload else None
        return call_result.TransactionEvent(id_token_info=token)


def _meter_values_of(payload: Payload) -> list[MeterValue]:
    return [
        MeterValue(value.instant("timestamp"), requests.samples(value.parts("sampledValue")))
        for value in payload.parts("meterValue")
    ]
