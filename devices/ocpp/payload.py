"""Payloads of any version of OCPP-J: JSON objects whose fields are asked for by name and type."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from types import MappingProxyType

from devices.dial_in.strict_json import Json


class PeerFault(Exception):
    """The peer's frame or payload is wrong; `code` is an RPC error of its OCPP version (2.0.1: part 4, table 7)."""

    def __init__(self, code: str, description: str) -> None:
        super().__init__(f"{code}: {description}")
        self.code = code
        self.description = description[:255]  # part 4, 4.2.3: errorDescription has at most 255 characters


class Payload:
    """The fields of a JSON object.

    Every getter raises `PeerFault` when the field has another type, or is missing where no default is given. After a
    check against the action's schema that happens only where the schema says less than the reader expects.
    """

    __slots__ = ("_fields",)

    def __init__(self, fields: Mapping[str, Json] = MappingProxyType({})) -> None:
        self._fields = fields

    def __contains__(self, name: object) -> bool:
        return name in self._fields

    def __bool__(self) -> bool:
        return bool(self._fields)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Payload) and self._fields == other._fields

    def __hash__(self) -> int:
        return id(self)

    def __repr__(self) -> str:
        return f"Payload({dict(self._fields)!r})"

    def text(self, name: str, default: str | None = None) -> str:
        """A text."""
        value = self._fields.get(name, default)
        if not isinstance(value, str):
            raise self._fault(name, value, "a text")
        return value

    def number(self, name: str, default: float | None = None) -> float:
        """A number, whole or not."""
        value = self._fields.get(name, default)
        if not isinstance(value, int | float) or isinstance(value, bool):
            raise self._fault(name, value, "a number")
        return value

    def whole(self, name: str, default: int | None = None) -> int:
        """A whole number."""
        value = self.number(name, default)
        if value != int(value):
            raise self._fault(name, value, "a whole number")
        return int(value)

    def flag(self, name: str, default: bool) -> bool:
        """True or false."""
        value = self._fields.get(name, default)
        if not isinstance(value, bool):
            raise self._fault(name, value, "true or false")
        return value

    def instant(self, name: str) -> datetime:
        """An RFC 3339 date-time as an aware UTC datetime."""
        return instant(self.text(name), name)

    def part(self, name: str) -> Payload:
        """An object; an empty one when it is missing."""
        value = self._fields.get(name, {})
        if not isinstance(value, dict):
            raise self._fault(name, value, "an object")
        return Payload(value)

    def texts(self, name: str) -> list[str]:
        """The texts of a list; none when it is missing."""
        value = self._fields.get(name, [])
        if not isinstance(value, list):
            raise self._fault(name, value, "a list")
        found = []
        for item in value:
            if not isinstance(item, str):
                raise self._fault(name, item, "a list of texts")
            found.append(item)
        return found

    @property
    def fields(self) -> Mapping[str, Json]:
        """All of them."""
        return self._fields

    def parts(self, name: str) -> list[Payload]:
        """The objects of a list; none when it is missing."""
        value = self._fields.get(name, [])
        if not isinstance(value, list):
            raise self._fault(name, value, "a list")
        found = []
        for item in value:
            if not isinstance(item, dict):
                raise self._fault(name, item, "a list of objects")
            found.append(Payload(item))
        return found

    @staticmethod
    def _fault(name: str, value: Json, expected: str) -> PeerFault:
        found = "it is missing" if value is None else f"{str(value)[:40]!r}"
        return PeerFault(
            "ProtocolError" if value is None else "TypeConstraintViolation", f"{name}: {found}, not {expected}"
        )


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
