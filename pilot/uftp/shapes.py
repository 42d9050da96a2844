"""The schema of Shapeshifter 3.1.0, as the library's models tell it: names, types, patterns, what is required."""

from __future__ import annotations

import base64
import re
from collections.abc import Callable
from dataclasses import MISSING, dataclass, fields, is_dataclass
from decimal import Decimal
from enum import Enum
from functools import cache
from types import NoneType, UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints

from cim.model.errors import BadInput
from pilot.uftp.library import XmlDate, XmlDuration, uftp

_DIGITS = 15  # of an integer at most
_DECIMAL = re.compile(r"[+-]?([0-9]{1,15}(\.[0-9]{0,9})?|\.[0-9]{1,9})")
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_SPAN = re.compile(r"PT([0-9]{1,2}H)?([0-9]{1,4}M)?(?<!T)")
_TRUTH = {"true": True, "1": True, "false": False, "0": False}


class SchemaFault(BadInput):
    """XML that is none, or not as the schema has it; the sentence names element, attribute and value."""


class Misfit(ValueError):
    """A value is not of its type; says what was expected."""


Lexical = Callable[[str], object]


@dataclass(frozen=True)
class Attribute:
    """A field that is an attribute: `read` gives the value of its text or raises `Misfit`."""

    field: str
    read: Lexical
    required: bool


@dataclass(frozen=True)
class Element:
    """A field that is a child element, or a list of them."""

    field: str
    kind: type
    least: int
    many: bool


@dataclass(frozen=True)
class Shape:
    """A model's attributes and children by their names in XML, and its fields' defaults."""

    attributes: dict[str, Attribute]
    elements: dict[str, Element]
    defaults: dict[str, object]
    required: frozenset[str]


# Beyond the specification the models ask for these: a settlement without orders or without contracts, a refused query and
# an answer to a settlement without orders are as the specification has them. And a FlexSettlement has no Result.
_MAY_BE_EMPTY = {
    (uftp.FlexSettlement, "flex_order_settlements"),
    (uftp.FlexSettlement, "contract_settlements"),
    (uftp.FlexSettlementResponse, "flex_order_settlement_statuses"),
    (uftp.AgrPortfolioQueryResponse, "dso_views"),
    (uftp.AgrPortfolioQueryResponseDSOView, "dso_portfolios"),
}
_NOT_REQUIRED = {(uftp.FlexSettlement, "result")}


@cache
def shape_of(kind: type) -> Shape:
    """The shape of a model's class."""
    if not is_dataclass(kind):
        raise SchemaFault(f"{kind.__name__}: no model")
    hints = get_type_hints(kind)
    attributes: dict[str, Attribute] = {}
    elements: dict[str, Element] = {}
    defaults: dict[str, object] = {}
    for each in fields(kind):
        meta, (hint, many) = each.metadata, _unwrapped(hints[each.name])
        name = str(meta.get("name", each.name))
        if each.default is not MISSING:
            defaults[each.name] = each.default
        if meta["type"] == "Element":
            least = 0 if (kind, each.name) in _MAY_BE_EMPTY else int(meta.get("min_occurs", 0))
            elements[name] = Element(each.name, hint, least, many)
        else:
            asked = bool(meta.get("required")) and (kind, each.name) not in _NOT_REQUIRED
            attributes[name] = Attribute(each.name, _lexical(hint, dict(meta)), asked)
    required = frozenset(name for name, attribute in attributes.items() if attribute.required)
    return Shape(attributes, elements, defaults, required)


def _unwrapped(hint: object) -> tuple[type, bool]:
    """(the type, whether there is a list of it) of a field's hint."""
    origin, parts = get_origin(hint), get_args(hint)
    if origin is list:
        return parts[0], True
    if origin in (Union, UnionType):
        return _unwrapped(next(part for part in parts if part is not NoneType))
    if not isinstance(hint, type):
        raise SchemaFault(f"{hint!r}: no type of the schema")
    return hint, False


def _lexical(kind: type, meta: dict[str, Any]) -> Lexical:
    if issubclass(kind, Enum):
        words = {str(member.value): member for member in kind}
        return _chosen(words, " or ".join(words))
    if kind is bool:
        return _chosen(_TRUTH, "true or false")
    if kind is int:
        return _integer
    if kind is Decimal:
        least, most = meta.get("min_inclusive"), meta.get("max_inclusive")
        return _bounded(_matched(_DECIMAL, Decimal, "a decimal number"), least, most, meta.get("fraction_digits"))
    if kind is XmlDate:
        return _matched(_DAY, _day, "a date, YYYY-MM-DD")
    if kind is XmlDuration:
        return _matched(_SPAN, XmlDuration, "minutes, for example PT15M")
    if kind is bytes:
        return _base64
    pattern = meta.get("pattern")
    return str if pattern is None else _matched(re.compile(str(pattern), re.ASCII), str, f"a text like {pattern}")


def _chosen(words: dict[str, Any], expected: str) -> Lexical:
    def read(text: str) -> object:
        if text not in words:
            raise Misfit(expected)
        return words[text]

    return read


def _matched(pattern: re.Pattern[str], make: Callable[[str], object], expected: str) -> Lexical:
    def read(text: str) -> object:
        if pattern.fullmatch(text) is None:
            raise Misfit(expected)
        try:
            return make(text)
        except (ValueError, ArithmeticError) as error:
            raise Misfit(expected) from error

    return read


def _bounded(read: Lexical, least: Decimal | None, most: Decimal | None, digits: int | None) -> Lexical:
    def bounded(text: str) -> object:
        value = read(text)
        if not isinstance(value, Decimal):
            raise Misfit("a decimal number")
        if (least is not None and value < least) or (most is not None and value > most):
            raise Misfit(f"{least} to {most}")
        if digits is not None and value != round(value, digits):
            raise Misfit(f"at most {digits} decimals")
        return value

    return bounded


def _integer(text: str) -> int:
    # Most of a message's bytes are integers: whether one is well made is seen without a pattern.
    digits = text[1:] if text[:1] in ("-", "+") else text
    if not (digits.isdigit() and digits.isascii()) or len(digits) > _DIGITS:
        raise Misfit("an integer")
    return int(text)


def _day(text: str) -> object:
    day = XmlDate.from_string(text)
    day.to_date()  # the calendar's check
    return day


def _base64(text: str) -> bytes:
    return base64.b64decode(re.sub(r"[ \t\r\n]", "", text), validate=True)
