"""The number that a device's text says: of whatever protocol has numbers as texts (MQTT payloads, OCPP 1.6, plain lines)."""

from __future__ import annotations

import math
import re

_NUMBER = re.compile(r"\s*[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]{1,5})?\s*")


def told_number(text: str) -> float:
    """The number; NaN where the text is none, or one beyond what a float holds.

    `float` alone takes more than devices mean by a number: `1_0`, `infinity`, `nan`, digits of other scripts.
    """
    if not _NUMBER.fullmatch(text):
        return math.nan
    number = float(text)
    return number if math.isfinite(number) else math.nan
