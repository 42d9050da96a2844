"""What a station says in OCPP 1.6, put into what is known of it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from zlib import crc32

from cim.mapping.ocpp import AT_BEGIN, DEFAULT_CONTEXT, DEFAULT_LOCATION, DEFAULT_MEASURAND, SampledValue
from devices.ocpp.payload import Payload, stamp
from devices.ocpp.rpc import Handler
from devices.ocpp.schemas import Message
from devices.ocpp.state import MeterValue
from devices.ocpp.station import Station
from devices.ocpp.v16.messages import call_result, datatypes, enums
from devices.ocpp.version import WHOLE
from devices.port.told_number import told_number

_UNSET_BEFORE = 2010  # a station's clock that was not set begins at 1970 or 2000; OCPP is younger
_PLUGGED = ("Preparing", "SuspendedEVSE", "SuspendedEV", "Finishing")  # with a vehicle that draws nothing
_NO_CURRENT = ("Available", "Preparing", "Finishing", "Reserved", "Unavailable")  # 4.9: outside of any transaction
_MOST_IDS = 2**31


class Heard:
    """The handlers of one station's messages."""

    def __init__(self, station: Station) -> None:
        self._station = station

    def handlers(self) -> Mapping[str, Handler]:
        """By action; what is only acknowledged changes nothing that is known of power or energy."""
        return {
            "Authorize": lambda _: call_result.Authorize(id_tag_info=_anyone()),
            "DataTransfer": lambda _: call_result.DataTransfer(status=enums.DataTransferStatus.unknown_vendor_id),
            "DiagnosticsStatusNotification": lambda _: call_result.DiagnosticsStatusNotification(),
            "FirmwareStatusNotification": lambda _: call_result.FirmwareStatusNotification(),
            "Heartbeat": lambda _: call_result.Heartbeat(current_time=stamp(self._station.wide.now)),
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
        state = None if connector == WHOLE else self._station.evse(connector)
        if state is not None:
            at = self._at(payload) if "timestamp" in payload else state.now
            state.connector(at, "Occupied" if status in _PLUGGED else status)
            state.caught_up = state.caught_up or status in _NO_CURRENT
        return call_result.StatusNotification()

    def _meter_values(self, payload: Payload) -> Message:
        connector = payload.whole("connectorId")
        values = self._values(payload, "meterValue")
        if payload.whole("transactionId", 0) > 0 and connector != WHOLE:  # 0 and -1 are said outside of any
            number = str(payload.whole("transactionId"))
            at = max((value.at for value in values), default=self._station.wide.now)
            if (state := self._station.at(number, connector, begins=False)) is not None:
                state.transaction_event(number, "Updated", at, values, queued=True)
            return call_result.MeterValues()
        # 0: the station's main meter, which is that of its connector where it has one
        state = self._station.the_only() if connector == WHOLE else self._station.evse(connector)
        if state is not None:
            state.measure(values)
        return call_result.MeterValues()

    def _start(self, payload: Payload) -> Message:
        at, connector = self._at(payload), payload.whole("connectorId")
        number = self._number(payload)
        begun = SampledValue(payload.number("meterStart"), unit="Wh", context=AT_BEGIN)
        known = self._station.is_known(str(number))
        if (state := self._station.at(str(number), connector, begins=True)) is not None:
            state.transaction_event(str(number), "Started", at, [MeterValue(at, [begun])], queued=True)
            if state.runs(str(number)) and not known:
                state.assume_needs()
        return call_result.StartTransaction(transaction_id=number, id_tag_info=_anyone())

    def _stop(self, payload: Payload) -> Message:
        at = self._at(payload)
        values = [v for v in self._values(payload, "transactionData") if v.samples]
        ended = MeterValue(at, [SampledValue(payload.number("meterStop"), unit="Wh")])
        number = str(payload.whole("transactionId"))
        if (state := self._station.at(number, None, begins=False)) is not None:
            state.transaction_event(number, "Ended", at, [*values, ended], queued=True)
        return call_result.StopTransaction(id_tag_info=_anyone() if "idTag" in payload else None)

    def _number(self, payload: Payload) -> int:
        """A transaction's identity, which the CSMS gives: the same for a StartTransaction that is said again.

        It is said again where its answer was lost (3.7.2), also to a CSMS that has begun anew. So it follows from what is
        said. Once the transaction is over the station has had its answer, and who says the same then begins another, as a
        station does whose clock starts at 1970 again.
        """
        said = "|".join(str(payload.whole(name)) for name in ("connectorId", "meterStart"))
        number = crc32(f"{self._station.name}|{said}|{payload.text('timestamp')}|{payload.text('idTag')}".encode())
        number = number % (_MOST_IDS - 1) + 1
        while self._station.is_over(str(number)):
            number = number % (_MOST_IDS - 1) + 1
        return number

    def _at(self, payload: Payload) -> datetime:
        return self._believed(payload.instant("timestamp"))

    def _believed(self, at: datetime) -> datetime:
        """A time as the station says it; where its clock is not set, now."""
        return self._station.wide.now if at.year < _UNSET_BEFORE else at

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
