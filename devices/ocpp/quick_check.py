"""JSON schemas as plain functions that only affirm: what one of them lets pass, the schema lets pass.

OCPP's payloads are checked at both ends of every message, and nearly all are sound; to walk a schema with a general
validator costs many times what these functions do. Whoever is told False asks that validator, which also says what is
wrong. So nothing passes here that it would refuse: of a schema with a keyword that is not known here, nothing is affirmed.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import TypeAlias

from devices.dial_in.strict_json import Json, JsonObject

Check: TypeAlias = Callable[[Json], bool]

# What JSON Schema draft 4 lets stand beside the rules without a meaning for the check (`format` is not asserted there).
_WORDS = frozenset(("$schema", "$id", "id", "title", "description", "comment", "default", "format", "javaType"))
_RULES = frozenset(
    ("type", "enum", "required", "properties", "additionalProperties", "maxLength", "minLength", "minimum", "maximum",
     "minItems", "maxItems", "items", "additionalItems", "definitions")
)  # fmt: skip
_REFERRED = "#/definitions/"


def compiled(schema: Json) -> Check:
    """The function of a JSON schema (draft 4): True for what surely fits it, False where that is not known."""
    try:
        return _Compiler(schema).check(schema)
    except _Unknown:
        return _unknown


class _Unknown(Exception):
    """A schema says something that is not known here."""


def _unknown(_: Json) -> bool:
    return False


class _Compiler:
    """Makes the functions of one schema file.

    Args:
        root: the file, whose definitions are referred to.
    """

    def __init__(self, root: Json) -> None:
        found = root.get("definitions", {}) if isinstance(root, dict) else {}
        self._definitions: JsonObject = found if isinstance(found, dict) else {}
        self._known: dict[str, Check] = {}
        self._begun: set[str] = set()  # a definition that refers to itself has no end here

    def check(self, schema: Json) -> Check:
        """The function of a part of the file. Raises `_Unknown`."""
        if not isinstance(schema, dict):
            raise _Unknown
        if "$ref" in schema:  # draft 4: whatever stands beside it does not count
            return self._referred(schema["$ref"])
        if schema.keys() - _WORDS - _RULES:
            raise _Unknown
        kind = schema.get("type")
        if kind == "string":
            return _text(schema)
        if kind is None and not schema.keys() & _RULES:
            return lambda _: True
        if "enum" in schema:
            raise _Unknown
        if kind == "object":
            return self._object(schema)
        if kind == "array":
            return self._array(schema)
        if kind in ("integer", "number"):
            return _number(schema, (int,) if kind == "integer" else (int, float))
        if kind == "boolean":
            return lambda value: value is True or value is False
        raise _Unknown

    def _referred(self, reference: Json) -> Check:
        name = reference.removeprefix(_REFERRED) if isinstance(reference, str) else ""
        if name in self._known:
            return self._known[name]
        if reference != _REFERRED + name or name not in self._definitions or name in self._begun:
            raise _Unknown
        self._begun.add(name)
        check = self._known[name] = self.check(self._definitions[name])
        return check

    def _object(self, schema: JsonObject) -> Check:
        rules, needed, others = (schema.get(*part) for part in _OF_OBJECTS)
        if not isinstance(rules, dict) or not isinstance(needed, list) or not isinstance(others, bool):
            raise _Unknown
        known = {name: self.check(rule) for name, rule in rules.items()}
        required = frozenset(name for name in needed if isinstance(name, str))

        def fits(value: Json) -> bool:
            if not isinstance(value, dict) or not required <= value.keys():
                return False
            for name, part in value.items():
                check = known.get(name)
                if not (others if check is None else check(part)):
                    return False
            return True

        return fits

    def _array(self, schema: JsonObject) -> Check:
        least, most = _limits(schema, "minItems", "maxItems")
        item = self.check(
            schema.get("items", {})
        )  # where one schema is for all of them, `additionalItems` says nothing
        return lambda value: isinstance(value, list) and least <= len(value) <= most and all(map(item, value))


_OF_OBJECTS: tuple[tuple[str, Json], ...] = (("properties", {}), ("required", []), ("additionalProperties", True))


def _text(schema: JsonObject) -> Check:
    least, most = _limits(schema, "minLength", "maxLength")
    if "enum" not in schema:
        return lambda value: isinstance(value, str) and least <= len(value) <= most
    members = schema["enum"]
    if not isinstance(members, list):
        raise _Unknown
    words = frozenset(word for word in members if isinstance(word, str) and least <= len(word) <= most)
    return lambda value: isinstance(value, str) and value in words


def _number(schema: JsonObject, kinds: tuple[type, ...]) -> Check:
    least, most = _limits(schema, "minimum", "maximum")
    least, most = max(least, -sys.float_info.max), min(most, sys.float_info.max)  # JSON has no bound, floats have

    def fits(value: Json) -> bool:
        return isinstance(value, int | float) and type(value) in kinds and least <= value <= most  # True is no number

    return fits


def _limits(schema: JsonObject, low: str, high: str) -> tuple[float, float]:
    least, most = schema.get(low, float("-inf")), schema.get(high, float("inf"))
    if not isinstance(least, int | float) or not isinstance(most, int | float):
        raise _Unknown
    return least, most
