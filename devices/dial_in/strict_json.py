"""JSON as RFC 8259 has it, for frames of peers that are not trusted: no NaN, no infinity, no endless nesting."""

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


_DECODER = json.JSONDecoder(parse_constant=_finite, parse_float=_finite)  # `json.loads` makes a new one for each frame


def loads(frame: str) -> Json:
    """The value of `frame`; raises `ValueError` when it is not JSON."""
    try:
        value: Json = _DECODER.decode(frame)
    except RecursionError as error:
        raise ValueError("nested too deeply") from error
    return value
