"""What a station may tell that ILES only acknowledges: it changes nothing that is known of power or energy."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from devices.ocpp.rpc import Handler
from devices.ocpp.v201.messages import call_result, datatypes, enums


def anyone() -> datatypes.IdTokenInfoType:
    """The answer to who may charge: that is the site operator's business, so everyone who can plug in may."""
    return datatypes.IdTokenInfoType(status=enums.AuthorizationStatusEnumType.accepted)


ACKNOWLEDGED: Mapping[str, Handler] = MappingProxyType(
    {
        "Authorize": lambda _: call_result.Authorize(id_token_info=anyone()),
        "ClearedChargingLimit": lambda _: call_result.ClearedChargingLimit(),
        "DataTransfer": lambda _: call_result.DataTransfer(status=enums.DataTransferStatusEnumType.unknown_vendor_id),
        "FirmwareStatusNotification": lambda _: call_result.FirmwareStatusNotification(),
        "LogStatusNotification": lambda _: call_result.LogStatusNotification(),
        "NotifyChargingLimit": lambda _: call_result.NotifyChargingLimit(),
        "NotifyEVChargingSchedule": lambda _: call_result.NotifyEVChargingSchedule(
            status=enums.GenericStatusEnumType.accepted
        ),
        "NotifyEvent": lambda _: call_result.NotifyEvent(),
        "SecurityEventNotification": lambda _: call_result.SecurityEventNotification(),
    }
)
