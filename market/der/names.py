"""A message's plain fields as CIM `Names` and back: identifiers, domains, prices, whatever a class has no attribute for."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from datetime import date, datetime
from typing import TypeVar, get_args, get_type_hints
from zoneinfo import available_timezones

from cim.model.errors import BadInput
from cim.model.identified import Name, NameType
from cim.model.intervals import LocalDay

Plain = str | int | bool | date | datetime
_PREFIX = "uftp:"


_R = TypeVar("_R")


def name_of(kind: str, value: Plain) -> Name:
    """`value` as a Name of `kind`."""
    text = value.isoformat() if isinstance(value, date) else str(value)
    return Name(name=text, name_type=NameType(name=_PREFIX + kind))


def names_of(record: object, leave: Collection[str] = ()) -> tuple[Name, ...]:
    """The fields of a frozen dataclass that are set, but for `leave`, each as a Name of its own kind."""
    kinds = [field for field in get_type_hints(type(record)) if field not in leave]
    values = [(kind, getattr(record, kind)) for kind in kinds]
    return tuple(name_of(kind, value) for kind, value in values if value is not None)


def texts(names: Iterable[Name]) -> dict[str, str]:
    """The texts of the names of ours, by kind.

    Raises:
        BadInput: a kind stands twice.
    """
    found: dict[str, str] = {}
    for name in names:
        kind = name.name_type.name
        if kind.startswith(_PREFIX):
            if kind in found:
                raise BadInput(f"CIM names: {kind} stands twice; expected every kind once")
            found[kind] = name.name
    return {kind.removeprefix(_PREFIX): text for kind, text in found.items()}


def values(said: dict[str, str], kind: type, leave: Collection[str] = ()) -> dict[str, Plain]:
    """The fields of dataclass `kind` that `said` gives, each as its type; what is not said keeps its default.

    Raises:
        BadInput: a field without a default is missing, or a text is none of its type.
    """
    hints = get_type_hints(kind)
    found: dict[str, Plain] = {}
    for field in hints:
        if field in leave or field not in said:
            continue
        wanted = next(part for part in (hints[field], *get_args(hints[field])) if part in _READ)
        try:
            found[field] = _READ[wanted](said[field])
        except ValueError as error:
            raise BadInput(f"CIM names: {field} is {said[field][:60]!r}, expected {wanted.__name__}") from error
    return found


def day_of(given: Mapping[str, object]) -> LocalDay:
    """The local day that a message's fields name.

    Raises:
        BadInput: its period or time zone is missing, there is no such zone, or the day is at the calendar's very end.
    """
    period, timezone, minutes = given.get("period"), given.get("timezone"), given.get("isp_minutes", 15)
    if not isinstance(period, date) or not isinstance(timezone, str) or not isinstance(minutes, int):
        raise BadInput("CIM names: period or timezone is missing; expected both")
    if timezone not in available_timezones():
        raise BadInput(f"CIM names: timezone is {timezone[:60]!r}, expected an IANA time zone")
    if not 1 < period.year < 9999:  # its midnights in UTC may lie beyond the calendar
        raise BadInput(f"CIM names: period is {period.isoformat()}, expected a day of the years 2 to 9998")
    return LocalDay(period, timezone, minutes)


def _flag(text: str) -> bool:
    if text not in ("True", "False"):
        raise ValueError(text)
    return text == "True"


_READ: dict[type, Callable[[str], Plain]] = {
    str: str,
    int: int,
    bool: _flag,
    date: date.fromisoformat,
    datetime: datetime.fromisoformat,
}


def built(kind: type[_R], given: Mapping[str, object]) -> _R:
    """`kind` of what was read.

    Raises:
        BadInput: something without a default is missing.
    """
    try:
        return kind(**given)
    except TypeError as error:
        raise BadInput(
            f"CIM names: {kind.__name__} lacks a name ({str(error).partition('missing ')[2] or error})"
        ) from error
