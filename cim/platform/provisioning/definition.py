"""A query as data: dataset, attributes or aggregation, filters, window, parameters with their types; checked when made."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Annotated, Literal
from zoneinfo import available_timezones

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from cim.model.errors import BadInput
from cim.model.worded import Worded, what_was_expected
from cim.platform.access.consents import Purpose
from cim.platform.access.principals import Role

Name = Annotated[str, Worded(r"^[a-z][a-z0-9_-]{0,59}$", "small letters, digits, _ -, the first a letter, at most 60")]
Text = Annotated[str, Field(max_length=300)]
Plain = str | int | float | bool
Value = Plain | tuple[Plain, ...] | datetime

_PARAMETER = re.compile(r"^\$([a-z][a-z0-9_]{0,29})$")


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Parameter(_Part):
    """What a caller gives. Without a default it must be given; `texts` is a list."""

    name: Annotated[str, Worded(r"^[a-z][a-z0-9_]{0,29}$", "small letters, digits, _, the first a letter, at most 30")]
    type: Literal["text", "texts", "number", "integer", "instant"]
    default: Plain | tuple[str, ...] | None = None
    says: Text = ""


class Filter(_Part):
    """A test of a column; `value` is a constant, or `$NAME` of a parameter."""

    column: Name
    test: Literal["==", "!=", "<", "<=", ">", ">=", "in"]
    value: Plain | tuple[Plain, ...]


class Window(_Part):
    """Which readings by their begin, UTC; the end is excluded. Each an instant or `$NAME` of a parameter."""

    begin: str | None = None
    end: str | None = None


class Measure(_Part):
    """A figure of each group."""

    function: Literal["sum", "mean", "min", "max", "count"]
    column: Name
    name: Name


class Aggregation(_Part):
    """Groups and their figures.

    Attributes:
        by: columns that make a group.
        every: length of the intervals into which `begin` falls, in the local time of `timezone`.
    """

    by: tuple[Name, ...] = ()
    every: Literal["quarter-hour", "hour", "day", "month", "year"] | None = None
    timezone: str = "UTC"
    measures: tuple[Measure, ...] = Field(min_length=1, max_length=20)

    @model_validator(mode="after")
    def _named(self) -> Aggregation:
        if self.timezone not in available_timezones():
            raise ValueError(f"timezone {self.timezone!r} is not known; expected one such as Europe/Vienna")
        names = [*self.by, *(one.name for one in self.measures), *(["begin"] if self.every else [])]
        if len(set(names)) != len(names):
            raise ValueError("two columns of the answer have one name; expected each its own")
        return self


class Definition(_Part):
    """A query.

    Attributes:
        name: of the endpoint.
        attributes: columns of the answer, where it is rows.
        hidden: what becomes of attributes that a caller may not see: the request is refused, or they are left out, so that
            one query serves all roles.
        aggregation: where it is groups.
        roles: who may call it; the policies apply on top.
        purpose: for which it is asked, unless the caller says another.
    """

    name: Name
    title: Text = ""
    dataset: Name = "readings"
    attributes: tuple[Name, ...] = Field(default=(), max_length=60)
    hidden: Literal["refuse", "leave-out"] = "refuse"
    aggregation: Aggregation | None = None
    filters: tuple[Filter, ...] = Field(default=(), max_length=30)
    window: Window = Window()
    parameters: tuple[Parameter, ...] = Field(default=(), max_length=30)
    roles: tuple[Role, ...] = tuple(Role)
    purpose: Purpose = Purpose.OPERATION

    @model_validator(mode="after")
    def _whole(self) -> Definition:
        if bool(self.attributes) == (self.aggregation is not None):
            raise ValueError("expected either attributes or an aggregation")
        names = [one.name for one in self.parameters]
        if len(set(names)) != len(names) or len(set(self.attributes)) != len(self.attributes):
            raise ValueError("a parameter or attribute stands there twice; expected each once")
        used = [one.value for one in self.filters] + [self.window.begin, self.window.end]
        for value in used:
            if (called := called_parameter(value)) is not None and called not in names:
                raise ValueError(f"${called} is no parameter; expected one of {', '.join(names) or 'none'}")
        for given in (self.window.begin, self.window.end):
            if given is not None and called_parameter(given) is None:
                instant(given)
        return self

    def columns(self) -> tuple[str, ...]:
        """Every column of the dataset that it reads."""
        read = list(self.attributes) + [one.column for one in self.filters]
        if self.aggregation is not None:
            read += [*self.aggregation.by, *(one.column for one in self.aggregation.measures)]
            read += ["begin"] if self.aggregation.every else []
        if self.window != Window():
            read.append("begin")
        return tuple(dict.fromkeys(read))

    def values(self, given: dict[str, Value]) -> dict[str, Value]:
        """What stands for each parameter: as given, or its default; of its type.

        Raises:
            BadInput: one is missing, unknown, or of another type.
        """
        known = {one.name: one for one in self.parameters}
        if unknown := sorted(set(given) - set(known)):
            raise BadInput(
                f"parameter {unknown[0]!r}: {self.name} has none such; expected {', '.join(known) or 'none'}"
            )
        found: dict[str, Value] = {}
        for name, one in known.items():
            value = given.get(name, one.default)
            if value is None:
                raise BadInput(f"parameter {name}: it is missing; expected {one.type}")
            found[name] = _typed(one, value)
        return found


def read_definition(text: str | bytes) -> Definition:
    """A definition from JSON.

    Raises:
        BadInput: it is none; says where and what was expected.
    """
    try:
        return Definition.model_validate_json(text)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(str(step) for step in first["loc"]) or "query"
        raise BadInput(f"query definition: {place}: {what_was_expected(first)}") from None


def called_parameter(value: object) -> str | None:
    """The parameter that `$NAME` stands for; None for anything else."""
    found = _PARAMETER.match(value) if isinstance(value, str) else None
    return found.group(1) if found else None


def instant(text: str) -> datetime:
    """An instant with its offset.

    Raises:
        ValueError: it is none.
    """
    found = datetime.fromisoformat(text)
    if found.tzinfo is None:
        raise ValueError(f"{text!r} has no offset; expected one, such as 2026-01-01T00:00:00Z")
    return found


def _typed(one: Parameter, value: Value) -> Value:
    if one.type == "text" and isinstance(value, str) and len(value) <= 300:
        return value
    if one.type == "texts":
        words = tuple(value.split(",")) if isinstance(value, str) else value
        if isinstance(words, tuple) and len(words) <= 1000 and all(isinstance(w, str) and len(w) <= 300 for w in words):
            return words
    if one.type in {"number", "integer"} and isinstance(value, str | int | float) and not isinstance(value, bool):
        try:
            number = float(value)
            if one.type == "number" and abs(number) < 1e300:
                return number
            if number.is_integer() and abs(number) < 2**53:
                return int(number)
        except (ValueError, OverflowError):
            pass
    if one.type == "instant":
        try:
            return value if isinstance(value, datetime) and value.tzinfo else instant(str(value))
        except ValueError:
            pass
    raise BadInput(f"parameter {one.name}: {str(value)[:60]!r}; expected {one.type}")
