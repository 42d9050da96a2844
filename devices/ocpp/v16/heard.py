"""What a station says in OCPP 1.6, put into what is known of it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from zlib import crc32

from cim.mapping.ocpp import AT_BEGIN, DEFAULT_CONTEXT, DEFAULT_LOCATION, DEFAULT_MEASURAND, SampledValue
from devices.ocpp.payload import Payload, stamp
from devices.ocpp.rpc import Handler
from devices.ocpp.schemas import Message
from devices.ocpp.state import MeterValue, StationState
from devices.ocpp.v16.messages import call_result, datatypes, enums
from devices.ocpp.version import EVSE
from devices.port.told_number import told_number

_UNSET_BEFORE = 2010  # a station's clock that was not set begins at 1970 or 2000; OCPP is younger
_PLUGGED = ("Preparing", "SuspendedEVSE", "SuspendedEV", "Finishing")  # with a vehicle that draws nothing
_NO_CURRENT = ("Available", "Preparing", "Finishing", "Reserved", "Unavailable")  # 4.9: outside of any transaction
_MOST_IDS = 2**31


class Heard:
    """The handlers of one station's messages."""

    def __init__(self, state: StationState) -> None:
        self._state = state

    def handlers(self) -> Mapping[str, Handler]:
        """By action; what is only acknowledged changes nothing that is known of power or energy."""
        return {
            "Authorize": lambda _: call_result.Authorize(id_tag_info=_anyone()),
            "DataTransfer": lambda _: call_result.DataTransfer(status=enums.DataTransferStatus.unknown_vendor_id),
            "DiagnosticsStatusNotification": lambda _: call_result.DiagnosticsStatusNotification(),
            "FirmwareStatusNotification": lambda _: call_result.FirmwareStatusNotification(),
            "Heartbeat": lambda _: call_result.Heartbeat(current_time=stamp(self._state.now)),
            "LogStatusNotification": lambda _: call_result.LogStatusNotification(),
            "MeterValues": self._meter_values,
            "SecurityEventNotification": lambda _: call_result.SecurityEventNotification(),
            "SignedFirmwareStatusNotification": lambda _: call_result.SignedFirmwareStatusNotification(),
            "StartTransaction": self._start,
            "StatusNotification": self._status_notification,
            "StopTransaction": self._stop,
        }

    def _status_notification(self, payload: Payload) -> Message:
        connector, status = payload.whole("connectorId"), payload.text("status")
        if connector != 0:  # 0 is the station as a whole
            at = self._at(payload) if "timestamp" in payload else self._state.now
            self._state.connector(at, connector, "Occupied" if status in _PLUGGED else status)
            if connector == EVSE and status in _NO_CURRENT:
                self._state.caught_up = True
        return call_result.StatusNotification()

    def _meter_values(self, payload: Payload) -> Message:
        connector = payload.whole("connectorId")
        values = self._values(payload, "meterValue")
        if payload.whole("transactionId", 0) > 0 and connector != 0:  # 0 and -1 are said outside of any
            number = str(payload.whole("transactionId"))
            at = max((value.at for value in values), default=self._state.now)
            self._state.transaction_event(number, "Updated", at, values, evse=connector, queued=True)
        elif not self._state.is_other(connector or EVSE):  # 0: the station's main meter, where it has one connector
            self._state.measure(values)
        return call_result.MeterValues()

    def _start(self, payload: Payload) -> Message:
        at, connector = self._at(payload), payload.whole("connectorId")
        number = self._number(payload)
        begun = SampledValue(payload.number("meterStart"), unit="Wh", context=AT_BEGIN)
        known = self._state.is_known(str(number))
        self._state.transaction_event(
            str(number), "Started", at, [MeterValue(at, [begun])], evse=connector, queued=True
        )
        running = self._state.transaction
        if running is not None and running.id == str(number) and not known:
            self._state.assume_needs()
        return call_result.StartTransaction(transaction_id=number, id_tag_info=_anyone())

    def _stop(self, payload: Payload) -> Message:
        at = self._at(payload)
        values = [v for v in self._values(payload, "transactionData") if v.samples]
        ended = MeterValue(at, [SampledValue(payload.number("meterStop"), unit="Wh")])
        number = str(payload.whole("transactionId"))
        self._state.transaction_event(number, "Ended", at, [*values, ended], evse=None, queued=True)
        return call_result.StopTransaction(id_tag_info=_anyone() if "idTag" in payload else None)

    def _number(self, payload: Payload) -> int:
        """A transaction's identity, which the CSMS gives: the same for a StartTransaction that is said again.

        It is said again where its answer was lost (3.7.2), also to a CSMS that has begun anew. So it follows from what is
        said. Once the transaction is over the station has had its answer, and who says the same then begins another, as a
        station does whose clock starts at 1970 again.
        """
        said = "|".join(str(payload.whole(name)) for name in ("connectorId", "meterStart"))
        number = crc32(f"{self._state.name}|{said}|{payload.text('timestamp')}|{payload.text('idTag')}".encode())
        number = number % (_MOST_IDS - 1) + 1
        while self._state.is_over(str(number)):
            number = number % (_MOST_IDS - 1) + 1
        return number

    def _at(self, payload: Payload) -> datetime:
        return self._believed(payload.instant("timestamp"))

    def _believed(self, at: datetime) -> datetime:
        """A time as the station says it; where its clock is not set, now."""
        return self._state.now if at.year < _UNSET_BEFORE else at

    def _values(self, payload: Payload, name: str) -> list[MeterValue]:
        return [
            MeterValue(self._at(value), [sample_of(sample) for sample in _readable(value)])
            for value in payload.parts(name)
        ]


def _readable(value: Payload) -> list[Payload]:
    return [sample for sample in value.parts("sampledValue") if sample.text("format", "Raw") == "Raw"]


def sample_of(sample: Payload) -> SampledValue:
    """A SampledValue of 1.6 (7.43), whose value is a text; NaN where that is no number."""
    text = sample.text("value")
    return SampledValue(
        told_number(text),
        sample.text("measurand", DEFAULT_MEASURAND),
        sample.text("phase") if "phase" in sample else None,
        sample.text("unit") if "unit" in sample else None,
        0,
        sample.text("location", DEFAULT_LOCATION),
        sample.text("context", DEFAULT_CONTEXT),
    )


def _anyone() -> datatypes.IdTagInfo:
    """The answer to who may charge: that is the site operator's business, so everyone who can plug in may."""
    return datatypes.IdTagInfo(status=enums.AuthorizationStatus.accepted)
