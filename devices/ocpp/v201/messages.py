"""OCPP 2.0.1 messages: the `ocpp` library's classes, which are the only source of names, and their schemas."""

from __future__ import annotations

from ocpp.v201 import call, call_result, datatypes, enums

from devices.ocpp.schemas import Schemas

__all__ = ["SCHEMAS", "call", "call_result", "datatypes", "enums"]

SCHEMAS = Schemas("2.0.1", call)
