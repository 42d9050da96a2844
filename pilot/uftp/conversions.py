"""Between a field of ours and one of the library's models: units, instants, enums, lists."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import UTC, date, datetime
from decimal import Decimal
from enum import Enum

from cim.model.errors import BadInput
from market.uftp import Header
from market.uftp.checks import Reason
from pilot.uftp.library import XmlDate, XmlDuration, built

Convert = Callable[[object], object]


class NotOnTheWire(BadInput):
    """A message of ours that UFTP has no words for; it stays unsent."""


class NotForUs(BadInput):
    """A message as the schema has it that cannot be taken: an instant that does not exist, an ISP that stands twice.

    The text is a RejectionReason.
    """

    def __init__(self, fault: str, reason: Reason = Reason.INVALID_MESSAGE) -> None:
        super().__init__(f"{reason}: {fault}")


@dataclass(frozen=True)
class Conversion:
    """How a value of ours is written in a model, and read from it. None stays None."""

    write: Convert
    read: Convert


def _same(value: object) -> object:
    return value


def _instant_out(value: object) -> str:
    if not isinstance(value, datetime) or value.tzinfo is None:
        raise NotOnTheWire(f"instant: {value!r}; expected one with a time zone")
    return value.astimezone(UTC).isoformat().replace("+00:00", "Z")


_FRACTION = re.compile(r"\.(\d*)")


def _instant_in(value: object) -> datetime:
    text = str(value)
    # xs:dateTime may have any number of decimals; six are a microsecond, which is as fine as we tell time.
    text = _FRACTION.sub(lambda match: "." + (match[1] + "000000")[:6] if match[1] else "", text, count=1)
    try:
        return datetime.fromisoformat(text.replace("Z", "+00:00")).astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise NotForUs(f"instant: {value}; expected one that exists, for example 2026-05-20T10:00:00Z") from error


def _day_out(value: object) -> object:
    if not isinstance(value, date):
        raise NotOnTheWire(f"day: {value!r}; expected a date")
    return XmlDate(value.year, value.month, value.day)


def _day_in(value: object) -> date:
    return date.fromisoformat(str(value))


_MINUTES = re.compile(r"PT(?:(\d+)H)?(?:(\d+)M)?")


def _minutes_out(value: object) -> object:
    return XmlDuration(f"PT{value}M")


def _minutes_in(value: object) -> int:
    match = _MINUTES.fullmatch(str(value))
    if match is None:
        raise NotForUs(f"ISP-Duration: {value}; expected minutes, for example PT15M")
    return int(match[1] or 0) * 60 + int(match[2] or 0)


def _scaled(digits: int) -> Conversion:
    """An integer of ours that the wire has with so many decimals."""

    def out(value: object) -> Decimal:
        return Decimal(str(value)).scaleb(-digits)

    def back(value: object) -> int:
        return round(Decimal(str(value)).scaleb(digits))  # the schema lets no more decimals through, but of a meter's

    return Conversion(out, back)


PLAIN = Conversion(_same, _same)
INSTANT = Conversion(_instant_out, _instant_in)
DAY = Conversion(_day_out, _day_in)
MINUTES = Conversion(_minutes_out, _minutes_in)
MONEY = _scaled(4)
FACTOR = _scaled(2)
KILO = _scaled(3)
FLAG = Conversion(lambda value: True if value else None, bool)  # written only where it is set


UUID = Conversion(_same, lambda value: str(value).lower())  # compared in small letters


def words(ours: type[Enum], theirs: type[Enum]) -> Conversion:
    """An enum by its words."""
    return Conversion(
        lambda value: theirs(getattr(value, "value", None)), lambda value: ours(getattr(value, "value", None))
    )


Rows = Mapping[str, tuple[str, Conversion]]


def plain(*names: str) -> Rows:
    """Fields of one name and one form on both sides."""
    return {name: (name, PLAIN) for name in names}


@dataclass(frozen=True)
class Pair:
    """A type of ours and the library's model of the same thing, field by field.

    Attributes:
        rows: field of ours -> (field of theirs, how).
        headed: whether it is a message, with a header.
    """

    ours: type
    theirs: type
    rows: Rows
    headed: bool = False

    def write(self, value: object) -> object:
        """The model of a value of ours."""
        values = header_fields(value) if self.headed else {}
        for name, (field, how) in self.rows.items():
            said = getattr(value, name)
            values[field] = None if said is None else how.write(said)
        return built(self.theirs, values)

    def read(self, model: object) -> object:
        """The value that a model holds."""
        return self.reading(model, {})

    def reading(self, model: object, more: Mapping[str, object]) -> object:
        """The value that a model holds, with the fields that the rows do not have."""
        values: dict[str, object] = {"header": header_of(model)} if self.headed else {}
        values.update(more)
        for name, (field, how) in self.rows.items():
            said = getattr(model, field)
            if said is not None:
                values[name] = how.read(said)
        return made(self.ours, values)


def made(kind: type, values: dict[str, object]) -> object:
    """A value of ours. Raises `NotForUs` where the wire leaves out what ours must have, or its own checks refuse it."""
    try:
        value: object = kind(**values)
    except TypeError as error:
        lacking = ", ".join(sorted({f.name for f in fields(kind)} - set(values)))
        raise NotForUs(f"{kind.__name__}: {lacking} left out; expected all that is not optional") from error
    except BadInput as error:
        raise NotForUs(str(error)) from error
    return value


LONGEST_DAY = 1500  # ISPs: of a minute, on the day of 25 hours


def unrolled(rows: Sequence[tuple[int, int, int]], what: str) -> tuple[int, ...]:
    """A value for each ISP from 1 on, from (start, duration, value).

    Raises:
        NotForUs: an ISP is left out or stands twice, or lies outside any day.
    """
    values: list[int] = []
    for start, duration, value in sorted(rows):
        if start < 1 or duration < 1 or start + duration - 1 > LONGEST_DAY:
            raise NotForUs(f"{what}: ISP {start} for {duration} lies in no day", Reason.ISPS_OUT_OF_BOUNDS)
        if start <= len(values):
            raise NotForUs(f"{what}: ISP {start} is covered twice; expected each once", Reason.ISP_CONFLICT)
        if start > len(values) + 1:
            missing = f"{what}: ISP {len(values) + 1} is left out; expected every ISP of the day"
            raise NotForUs(missing, Reason.ISPS_OUT_OF_BOUNDS)
        values += [value] * duration
    return tuple(values)


def many(pair: Pair) -> Conversion:
    """A tuple of ours, a list of theirs."""

    def write(value: object) -> list[object]:
        return [pair.write(item) for item in value] if isinstance(value, tuple) else []

    def read(value: object) -> tuple[object, ...]:
        return tuple(pair.read(item) for item in value) if isinstance(value, list) else ()

    return Conversion(write, read)


_HEADER = {
    "version": ("version", PLAIN),
    "sender_domain": ("sender_domain", PLAIN),
    "recipient_domain": ("recipient_domain", PLAIN),
    "time_stamp": ("time_stamp", INSTANT),
    "message_id": ("message_id", PLAIN),
    "conversation_id": ("conversation_id", PLAIN),
}


def header_fields(message: object) -> dict[str, object]:
    """The fields of a model that every message has."""
    header = getattr(message, "header", None)
    return {field: how.write(getattr(header, name)) for name, (field, how) in _HEADER.items()}


def header_of(model: object) -> Header:
    """The header that a model holds; identifiers in small letters, as UUIDs are compared."""
    said = {name: how.read(getattr(model, field)) for name, (field, how) in _HEADER.items()}
    stamp = said["time_stamp"]
    if not isinstance(stamp, datetime):
        raise NotForUs(f"TimeStamp: {stamp!r}; expected an instant")
    return Header(
        str(said["sender_domain"]),
        str(said["recipient_domain"]),
        stamp,
        str(said["message_id"]).lower(),
        str(said["conversation_id"]).lower(),
        str(said["version"]),
    )
