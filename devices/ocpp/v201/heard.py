"""What a station says in OCPP 2.0.1, put into what is known of it."""

from __future__ import annotations

from collections.abc import Mapping

from devices.ocpp.foreign import foreign_limits, station_limits
from devices.ocpp.needs import Needs
from devices.ocpp.payload import Payload, stamp
from devices.ocpp.rpc import Handler
from devices.ocpp.schemas import Message
from devices.ocpp.state import MeterValue
from devices.ocpp.station import Station
from devices.ocpp.v201 import requests
from devices.ocpp.v201.acknowledged import ACKNOWLEDGED, anyone
from devices.ocpp.v201.messages import call_result, enums
from devices.ocpp.version import OURS, WHOLE


class Heard:
    """The handlers of one station's messages."""

    def __init__(self, station: Station) -> None:
        self._station = station

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
            "Heartbeat": lambda _: call_result.Heartbeat(current_time=stamp(self._station.wide.now)),
        }

    def _status_notification(self, payload: Payload) -> Message:
        if (state := self._station.evse(payload.whole("evseId"))) is not None:
            connector = payload.whole("connectorId")
            state.connector(payload.instant("timestamp"), payload.text("connectorStatus"), connector)
        return call_result.StatusNotification()

    def _meter_values(self, payload: Payload) -> Message:
        if (state := self._station.evse(payload.whole("evseId"))) is not None:
            state.measure(_meter_values_of(payload))
        return call_result.MeterValues()

    def _notify_report(self, payload: Payload) -> Message:
        station = self._station
        for item in payload.parts("reportData"):
            what = item.part("component").text("name"), item.part("variable").text("name")
            if what == ("SmartChargingCtrlr", "ProfileStackLevel"):
                for attribute in item.parts("variableAttribute"):
                    if attribute.text("type", "Actual") == "Actual":
                        station.wide.takes_levels(attribute.text("value", ""))
            elif what == ("EVSE", "Power"):
                limit_w = item.part("variableCharacteristics").number("maxLimit", -1.0)
                place = item.part("component").part("evse")
                state = station.evses.get(place.whole("id")) if place else station.the_only()
                if 0 <= limit_w < 1e9 and state is not None:
                    state.max_power_w = round(limit_w)
        station.wide.report_ended = not payload.flag("tbc", default=False)
        return call_result.NotifyReport()

    def _report_profiles(self, payload: Payload) -> Message:
        evse = payload.whole("evseId")
        states = list(self._station.evses.values()) if evse == WHOLE else [self._station.evses.get(evse)]
        for profile in payload.parts("chargingProfile"):
            for state in states:
                if state is not None:
                    state.holds(foreign_limits(profile, OURS))
            if evse == WHOLE:
                self._station.holds(station_limits(profile, OURS))
        self._station.wide.report_ended = not payload.flag("tbc", default=False)
        return call_result.ReportChargingProfiles()

    def _charging_needs(self, payload: Payload) -> Message:
        statuses = enums.NotifyEVChargingNeedsStatusEnumType
        state = self._station.evse(payload.whole("evseId"))
        if state is None:
            return call_result.NotifyEVChargingNeeds(status=statuses.rejected)
        told_at = payload.instant("timestamp") if "timestamp" in payload else None  # 2.1 only
        state.needs(self._needs(payload.part("chargingNeeds"))._replace(told_at=told_at))
        return call_result.NotifyEVChargingNeeds(status=statuses.accepted)

    def _needs(self, needs: Payload) -> Needs:
        return requests.vehicle_needs(needs)

    def _transaction_event(self, payload: Payload) -> Message:
        number, event_type = payload.part("transactionInfo").text("transactionId"), payload.text("eventType")
        at, values, queued = payload.instant("timestamp"), _meter_values_of(payload), payload.flag("offline", False)
        evse = payload.part("evse").whole("id") if "evse" in payload else None
        asked = payload.text("triggerReason") == enums.TriggerReasonEnumType.trigger
        state = self._station.at(number, evse, begins=event_type == "Started", asked=asked)
        if state is not None:
            state.transaction_event(number, event_type, at, values, queued=queued)
        token = anyone() if "idToken" in payload else None
        return call_result.TransactionEvent(id_token_info=token)


def _meter_values_of(payload: Payload) -> list[MeterValue]:
    return [
        MeterValue(value.instant("timestamp"), requests.samples(value.parts("sampledValue")))
        for value in payload.parts("meterValue")
    ]
