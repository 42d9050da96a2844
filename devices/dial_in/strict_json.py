"""JSON as RFC 8259 has it, for frames of peers that are not trusted: no NaN, no infinity, no number beyond a float, no endless
nesting, no half of a surrogate pair (8.2: nobody could be told of it again)."""

from __future__ import annotations

import json
import math
from typing import TypeAlias

Json: TypeAlias = bool | int | float | str | list["Json"] | dict[str, "Json"] | None
JsonObject: TypeAlias = dict[str, Json]


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(f"{text} is not a finite number")
    return number


def _no_number(text: str) -> float:
    raise ValueError(f"{text} is no JSON")


def _whole(text: str) -> int:
    number = int(text)  # of more than 4300 digits it is a ValueError by itself
    if len(text) > _SURELY_FLOAT:
        try:
            float(number)
        except OverflowError:
            raise ValueError("a whole number is beyond what a float holds") from None
    return number


_SURELY_FLOAT = 300  # so many digits fit into a float
# `json.loads` makes a new one for each frame
_DECODER = json.JSONDecoder(parse_constant=_finite, parse_float=_finite, parse_int=_whole)
_UNBOUNDED = json.JSONDecoder(
    parse_constant=_no_number, parse_int=lambda text: int(text) if len(text) <= _SURELY_FLOAT else float(text)
)


def loads(frame: str) -> Json:
    """The value of `frame`; raises `ValueError` when it is not JSON."""
    return _decoded(_DECODER, frame)


def loads_unbounded(frame: str) -> Json:
    """As `loads`, but JSON with a number beyond every float is read: that number is infinite, for the reader to refuse."""
    return _decoded(_UNBOUNDED, frame)


def _decoded(decoder: json.JSONDecoder, frame: str) -> Json:
    try:
        value: Json = decoder.decode(frame)
    except RecursionError as error:
        raise ValueError("nested too deeply") from error
    if "\\u" in frame or not frame.isascii():  # few are, and only these can hold half of a pair
        json.dumps(value, ensure_ascii=False).encode()  # a UnicodeEncodeError is a ValueError
    return value
