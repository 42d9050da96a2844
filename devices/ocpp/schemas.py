"""The actions of one version of OCPP and the JSON schemas of their payloads, as the `ocpp` library ships them."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from dataclasses import asdict
from decimal import Decimal
from functools import cache, cached_property
from types import MappingProxyType, ModuleType
from typing import TYPE_CHECKING, TypeAlias

from ocpp.charge_point import remove_nones, snake_to_camel_case
from ocpp.messages import get_validator

from devices.dial_in.strict_json import Json, JsonObject
from devices.ocpp.payload import PeerFault
from devices.ocpp.quick_check import Check, compiled

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

Message: TypeAlias = "DataclassInstance"  # a `call` or `call_result` of the library

CALL, CALLRESULT, CALLERROR = 2, 3, 4

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
_TOO_LARGE = "PropertyConstraintViolation"


class Schemas:
    """What the library knows of one version.

    Args:
        version: as the library names it, such as `2.0.1`.
        requests: its module of the version's requests.
        codes: the version's own name of an RPC error, where it is not that of 2.0.1.
        unreadable: the message id of the answer to what cannot be read; None where the version has no such answer.
        unanswered: message types that are never answered.
        tenths: actions with fields that must be multiples of 0.1, which no float is.
    """

    def __init__(
        self,
        version: str,
        requests: ModuleType,
        *,
        codes: Mapping[str, str] = MappingProxyType({}),
        unreadable: str | None = "-1",
        unanswered: frozenset[int] = frozenset(),
        tenths: frozenset[str] = frozenset(),
    ) -> None:
        self._version, self._requests, self._codes, self._tenths = version, requests, codes, tenths
        self.unreadable, self.unanswered = unreadable, unanswered

    def code(self, code: str) -> str:
        """The version's own name of an RPC error of 2.0.1."""
        return self._codes.get(code, code)

    @cached_property
    def actions(self) -> frozenset[str]:
        """The actions of the version. An action from the wire is looked up here before it names a schema file."""
        own = self._requests.__name__
        found = vars(self._requests).items()
        return frozenset(name for name, what in found if isinstance(what, type) and what.__module__ == own)

    def check(self, message_type: int, action: str, payload: Json) -> JsonObject:
        """`payload` when it fits the schema of `action`; raises `PeerFault` with the code that fits the fault."""
        try:
            if action in self._tenths:
                _must_be_floats(action, payload)
                validator = get_validator(message_type, action, self._version, parse_float=Decimal)
                exact = json.loads(json.dumps(payload), parse_float=Decimal)
            elif isinstance(payload, dict) and _quick(message_type, action, self._version)(payload):
                return payload
            else:
                _must_be_floats(action, payload)
                validator, exact = get_validator(message_type, action, self._version), payload
            fault = next(validator.iter_errors(exact), None)
        except RecursionError as error:
            raise PeerFault("FormatViolation", f"the payload of {action} cannot be checked") from error
        except ArithmeticError as error:  # of a number that no tenth is left of, or that no float holds
            raise PeerFault(_TOO_LARGE, f"{action}: a number in it is too large to be checked") from error
        if fault is not None:
            place = ".".join(str(part) for part in fault.absolute_path) or "payload"
            raise PeerFault(_CODES.get(str(fault.validator), "FormatViolation"), f"{action} {place}: {fault.message}")
        if not isinstance(payload, dict):
            raise PeerFault("FormatViolation", f"{action} payload: {str(payload)[:40]!r} is not an object")
        return payload


def _must_be_floats(action: str, payload: Json) -> None:
    """Refuse a number that no float holds, such as 1e400: whoever calculates with it later would fail instead."""
    waiting = [payload]
    while waiting:
        value = waiting.pop()
        if isinstance(value, dict):
            waiting += value.values()
        elif isinstance(value, list):
            waiting += value
        elif isinstance(value, int | float) and not -sys.float_info.max <= value <= sys.float_info.max:
            raise PeerFault(_TOO_LARGE, f"{action}: a number in it is beyond what a float holds")


@cache
def _quick(message_type: int, action: str, version: str) -> Check:
    """Affirms most payloads, much faster; asked for actions of the version alone, so there is an end to what is kept."""
    return compiled(get_validator(message_type, action, version).schema)


def fields_of(message: Message) -> JsonObject:
    """A message of the library as its JSON payload (camelCase, no nulls)."""
    fields: JsonObject = snake_to_camel_case(remove_nones(asdict(message)))  # type: ignore[no-untyped-call]
    return fields
