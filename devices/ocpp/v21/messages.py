"""OCPP 2.1 messages: the `ocpp` library's classes, which are the only source of names, and their schemas."""

from __future__ import annotations

from ocpp.v21 import call, call_result, datatypes, enums

from devices.ocpp.schemas import Schemas

__all__ = ["SCHEMAS", "call", "call_result", "datatypes", "enums"]

_CALLRESULTERROR, _SEND = 5, 6  # part 4, 4.2.4 and 4.2.5: neither is ever answered
SCHEMAS = Schemas("2.1", call, unanswered=frozenset({_CALLRESULTERROR, _SEND}))
