"""Payloads are let pass by compiled checks only where the schema itself lets them pass."""

import copy
import random
from contextlib import suppress
from datetime import UTC, datetime

import pytest
from jsonschema import Draft4Validator
from ocpp.messages import get_validator

from devices.ocpp.payload import PeerFault
from devices.ocpp.quick_check import compiled
from devices.ocpp.schemas import CALL, CALLRESULT, fields_of
from devices.ocpp.v21 import messages as v21
from devices.ocpp.v201 import requests
from devices.ocpp.v201.messages import SCHEMAS
from devices.ocpp.version import LimitFor

NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)
HUGE = 10**400
WRONG = (None, True, 0, -1, 1.5, "", "x" * 3000, "word", [], [1], {}, {"more": 1}, HUGE)


def _made(schema, root, rng, depth=0):
    """A payload that fits a schema; what need not be there is there by a throw of the dice."""
    if "$ref" in schema:
        return _made(root["definitions"][schema["$ref"].rpartition("/")[2]], root, rng, depth + 1)
    if "enum" in schema:
        return rng.choice(schema["enum"])
    kind = schema.get("type")
    if kind == "object":
        needed = schema.get("required", ())
        chosen = [n for n in schema.get("properties", {}) if n in needed or (depth < 8 and rng.random() < 0.4)]
        return {name: _made(schema["properties"][name], root, rng, depth + 1) for name in chosen}
    if kind == "array":
        count = schema.get("minItems", 0) + (rng.random() < 0.3)
        return [_made(schema["items"], root, rng, depth + 1) for _ in range(min(count, schema.get("maxItems", 9)))]
    number = min(max(2.5, schema.get("minimum", 2.5)), schema.get("maximum", 2.5))
    made = {
        "string": "a" * min(5, schema.get("maxLength", 5)),
        "integer": int(number),
        "number": number,
        "boolean": True,
    }
    return made.get(kind, {"any": "thing"})


def _places(value, path=()):
    yield path
    if isinstance(value, dict):
        for name in value:
            yield from _places(value[name], (*path, name))
    if isinstance(value, list):
        for number in range(len(value)):
            yield from _places(value[number], (*path, number))


def _spoiled(payload, rng):
    """The payload with something else at one place, one thing more, or one less."""
    spoiled = copy.deepcopy(payload)
    path = rng.choice([path for path in _places(payload) if path] or [()])
    if not path:
        return {"more": 1}
    parent = spoiled
    for step in path[:-1]:
        parent = parent[step]
    what = rng.random()
    if what < 0.2:
        del parent[path[-1]]
    elif what < 0.4 and isinstance(parent, dict):
        parent["more"] = 1
    else:
        parent[path[-1]] = rng.choice(WRONG)
    return spoiled


def _schemas(version, schemas):
    for action in sorted(schemas.actions):
        for kind in (CALL, CALLRESULT):
            with suppress(FileNotFoundError):  # of a message that is only sent there is no answer
                yield get_validator(kind, action, version).schema


@pytest.mark.parametrize(("version", "schemas"), [("2.0.1", SCHEMAS), ("2.1", v21.SCHEMAS)])
def test_nothing_passes_that_a_schema_refuses_and_all_that_fits_passes_quickly(version, schemas):
    """For every action of OCPP 2.0.1 and 2.1, over made payloads and spoiled ones: quick and slow check agree."""
    rng, passed, refused = random.Random(7), 0, 0
    for schema in _schemas(version, schemas):
        quick, slow = compiled(schema), Draft4Validator(schema)
        for _ in range(3):
            payload = _made(schema, schema, rng)
            assert slow.is_valid(payload)
            assert quick(payload), schema.get("$id")
            for _ in range(3):
                spoiled = _spoiled(payload, rng)
                # A number beyond floats is no float to any reader, whatever the schema says.
                fits = slow.is_valid(spoiled) and str(HUGE) not in str(spoiled)
                assert quick(spoiled) == fits, (schema.get("$id"), spoiled)
                passed += quick(spoiled)
                refused += not quick(spoiled)
    assert passed > 50
    assert refused > 500


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "object", "patternProperties": {"^a": {"type": "string"}}},
        {"type": "number", "multipleOf": 0.1},
        {"type": ["string", "null"]},
        {"anyOf": [{"type": "string"}]},
        {"type": "object", "additionalProperties": {"type": "string"}},
        {"type": "array", "items": [{"type": "string"}]},
        {"$ref": "#/definitions/Gone", "definitions": {}},
        {"$ref": "elsewhere.json"},
        {"definitions": {"Self": {"type": "array", "items": {"$ref": "#/definitions/Self"}}}, "$ref": "#/definitions/Self"},
    ],
)  # fmt: skip
def test_of_a_schema_that_says_more_than_is_known_nothing_is_affirmed(schema):
    """A keyword or reference that the compiled check does not know leaves everything to the schema's own validator."""
    assert not any(compiled(schema)(value) for value in ({}, [], "a", 1, ["a"], {"a": "b"}))


def test_what_we_send_ourselves_passes_quickly():
    """Messages of the library carry its enumerations, which are texts: they need no second look either."""
    limit = requests.set_charging_profile(5000, NOON, NOON.replace(hour=13), LimitFor(1, None))
    payload = fields_of(limit)
    assert compiled(get_validator(CALL, "SetChargingProfile", "2.0.1").schema)(payload)
    assert SCHEMAS.check(CALL, "SetChargingProfile", payload) is payload


def test_a_fault_is_told_as_the_schema_tells_it():
    """What does not pass quickly is refused in the validator's words, with the code of its keyword."""
    with pytest.raises(
        PeerFault, match=r"MeterValues evseId: -1 is less than the minimum of 0|'meterValue' is a required"
    ):
        SCHEMAS.check(CALL, "MeterValues", {"evseId": -1})
