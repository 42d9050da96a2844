"""OCPP-J 2.0.1 payloads: the `ocpp` library's message classes, its schemas, and strict JSON.

The library is the only source of names and schemas; it ships no types, so it is imported here only.
"""

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC, datetime
from functools import cache
from typing import Any

from ocpp.charge_point import remove_nones, snake_to_camel_case  # type: ignore[import-untyped]
from ocpp.messages import get_validator  # type: ignore[import-untyped]
from ocpp.v201 import call, call_result, datatypes, enums  # type: ignore[import-untyped]

from devices.dial_in import strict_json

__all__ = ["VERSION", "Payload", "PeerFault", "actions", "call", "call_result", "check", "datatypes", "enums"]
__all__ += ["instant", "loads", "payload_of", "stamp"]

VERSION = "2.0.1"
CALL, CALLRESULT, CALLERROR = 2, 3, 4
Payload = dict[str, Any]

# Which RPC error tells of which broken schema keyword (OCPP 2.0.1 part 4, table 7); the rest is a FormatViolation.
_CODES = {
    "type": "TypeConstraintViolation",
    "required": "ProtocolError",
    "enum": "PropertyConstraintViolation",
    "maxLength": "PropertyConstraintViolation",
    "minimum": "PropertyConstraintViolation",
    "maximum": "PropertyConstraintViolation",
    "minItems": "PropertyConstraintViolation",
    "maxItems": "PropertyConstraintViolation",
}


class PeerFault(Exception):
    """The peer's frame or payload is wrong; `code` is the RPC error of OCPP 2.0.1 part 4, table 7."""

    def __init__(self, code: str, description: str) -> None:
        super().__init__(f"{code}: {description}")
        self.code = code
        self.description = description[:255]  # part 4, 4.2.3: errorDescription has at most 255 characters


def loads(frame: str) -> Any:
    """The JSON value of a frame. Raises `PeerFault`."""
    try:
        return strict_json.loads(frame)
    except ValueError as error:
        raise PeerFault("RpcFrameworkError", f"the frame is not valid JSON ({type(error).__name__})") from error


@cache
def actions() -> frozenset[str]:
    """The actions that OCPP 2.0.1 knows. An action from the wire is looked up here before it names a schema file."""
    return frozenset(name for name in vars(call) if isinstance(getattr(call, name), type) and name[0].isupper()) - {
        "Any",
        "Dict",
        "List",
        "Optional",
    }


def check(message_type: int, action: str, payload: Any) -> Payload:
    """`payload` when it fits the schema of `action`; raises `PeerFault` with the code that fits the fault."""
    try:
        validator = get_validator(message_type, action, VERSION)
        fault = next(validator.iter_errors(payload), None)
    except (RecursionError, OverflowError) as error:
        raise PeerFault("FormatViolation", f"the payload of {action} cannot be checked") from error
    if fault is not None:
        place = ".".join(str(part) for part in fault.absolute_path) or "payload"
        raise PeerFault(_CODES.get(fault.validator, "FormatViolation"), f"{action} {place}: {fault.message}")
    result: Payload = payload
    return result


def payload_of(message: Any) -> Payload:
    """A message class of the library as its JSON payload (camelCase, no nulls)."""
    result: Payload = snake_to_camel_case(remove_nones(asdict(message)))
    return result


def instant(text: str, where: str) -> datetime:
    """An RFC 3339 date-time as an aware UTC datetime; raises `PeerFault` naming the field."""
    try:
        value = datetime.fromisoformat(text)
        if value.tzinfo is None:
            raise ValueError("no offset from UTC")
        return value.astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise PeerFault("PropertyConstraintViolation", f"{where}: {text!r} is not an RFC 3339 date-time") from error


def stamp(at: datetime) -> str:
    """A UTC instant as OCPP writes it (RFC 3339, Z)."""
    return at.astimezone(UTC).isoformat().replace("+00:00", "Z")
