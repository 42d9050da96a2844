"""OCPP 1.6 messages: the `ocpp` library's classes, which are the only source of names, and their schemas."""

from __future__ import annotations

from ocpp.v16 import call, call_result, datatypes, enums

from devices.ocpp.schemas import Schemas

__all__ = ["SCHEMAS", "call", "call_result", "datatypes", "enums"]

# OCPP-J 1.6, 4.2.3: the codes that it has under another name, or lacks. The first one's spelling is the standard's.
_CODES = {
    "FormatViolation": "FormationViolation",
    "RpcFrameworkError": "GenericError",
    "MessageTypeNotSupported": "GenericError",
}
_IN_TENTHS = frozenset({"SetChargingProfile", "GetCompositeSchedule"})
SCHEMAS = Schemas("1.6", call, codes=_CODES, unreadable=None, tenths=_IN_TENTHS)
