"""True frames of each protocol, which `iles faults --wire` spoils."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

AT = "2026-05-20T12:00:00Z"
_SAMPLES = [
    {"value": 7200, "measurand": "Power.Active.Import"},
    {"value": 100, "measurand": "Energy.Active.Import.Register"},
]
_TEXTS = [
    {"value": "7.2", "measurand": "Power.Active.Import", "unit": "kW"},
    {"value": "16", "measurand": "Current.Import", "phase": "L1", "unit": "A", "context": "Sample.Periodic"},
    {"value": "100", "measurand": "Energy.Active.Import.Register"},
]
_BEGUN = {
    "eventType": "Started",
    "triggerReason": "CablePluggedIn",
    "seqNo": 0,
    "timestamp": AT,
    "transactionInfo": {"transactionId": "A"},
    "evse": {"id": 1, "connectorId": 1},
    "meterValue": [{"timestamp": AT, "sampledValue": _SAMPLES}],
}
_AC = {"energyAmount": 9000, "evMinCurrent": 6, "evMaxCurrent": 16, "evMaxVoltage": 230}
_V2X = {"maxChargePower": 11040, "maxDischargePower": 5000, "evTargetEnergyRequest": 9000, "minChargePower_L2": 1380}
_ANSWERS = ([3, "cs:1", {"status": "Accepted"}], [4, "cs:1", "GenericError", "no", {}])
_V201: tuple[list[object], ...] = (
    [2, "1", "BootNotification", {"reason": "PowerUp", "chargingStation": {"model": "M", "vendorName": "V"}}],
    [2, "2", "StatusNotification", {"timestamp": AT, "connectorStatus": "Occupied", "evseId": 1, "connectorId": 1}],
    [2, "3", "MeterValues", {"evseId": 1, "meterValue": [{"timestamp": AT, "sampledValue": _SAMPLES}]}],
    [2, "4", "TransactionEvent", _BEGUN],
    *_ANSWERS,
)


def _needs(mode: str, **said: object) -> list[object]:
    needs = {"requestedEnergyTransfer": mode, "departureTime": AT, **said}
    return [2, "5", "NotifyEVChargingNeeds", {"evseId": 1, "chargingNeeds": needs}]


# by WebSocket subprotocol
OCPP: Mapping[str, tuple[list[object], ...]] = MappingProxyType(
    {
        "ocpp2.0.1": _V201,
        "ocpp2.1": (
            *_V201,
            _needs("AC_BPT", v2xChargingParameters=_V2X),
            _needs("AC_three_phase", acChargingParameters=_AC),
            [6, "7", "NotifyPeriodicEventStream", {"id": 1}],
        ),
        "ocpp1.6": (
            [2, "1", "BootNotification", {"chargePointVendor": "V", "chargePointModel": "M"}],
            [
                2,
                "2",
                "StatusNotification",
                {"connectorId": 1, "errorCode": "NoError", "status": "Charging", "timestamp": AT},
            ],
            [2, "3", "MeterValues", {"connectorId": 1, "meterValue": [{"timestamp": AT, "sampledValue": _TEXTS}]}],
            [2, "4", "StartTransaction", {"connectorId": 1, "idTag": "T", "meterStart": 100, "timestamp": AT}],
            [
                2,
                "5",
                "MeterValues",
                {"connectorId": 1, "transactionId": 7, "meterValue": [{"timestamp": AT, "sampledValue": _TEXTS}]},
            ],
            [
                2,
                "6",
                "StopTransaction",
                {
                    "transactionId": 7,
                    "meterStop": 900,
                    "timestamp": AT,
                    "transactionData": [{"timestamp": AT, "sampledValue": _TEXTS}],
                },
            ],
            *_ANSWERS,
        ),
    }
)
S2: tuple[dict[str, object], ...] = (
    {
        "message_type": "Handshake",
        "message_id": "00000000-0000-0000-0000-0000000000a1",
        "role": "RM",
        "supported_protocol_versions": ["0.0.2-beta"],
    },
    {"message_type": "ReceptionStatus", "subject_message_id": "00000000-0000-0000-0000-0000000000a1", "status": "OK"},
    {
        "message_type": "PowerMeasurement",
        "message_id": "00000000-0000-0000-0000-0000000000a2",
        "measurement_timestamp": AT,
        "values": [{"commodity_quantity": "ELECTRIC.POWER.L1", "value": 1500.0}],
    },
    {
        "message_type": "FRBC.StorageStatus",
        "message_id": "00000000-0000-0000-0000-0000000000a3",
        "present_fill_level": 20.0,
    },
)
