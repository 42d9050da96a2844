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


def loads(frame: str) -> Json:
    """The value of `frame`; raises `ValueError` when it is not JSON."""
    try:
        value: Json = _DECODER.decode(frame)
    except RecursionError as error:
        raise ValueError("nested too deeply") from error
    if "\\u" in frame or not frame.isascii():  # few are, and only these can hold half of a pair
        json.dumps(value, ensure_ascii=False).encode()  # a UnicodeEncodeError is a ValueError
    return value
