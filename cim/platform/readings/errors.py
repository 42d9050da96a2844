"""What can go wrong with a readings table that is nobody's bad input."""

from __future__ import annotations

import re

from cim.model.errors import IlesError

_COLOUR = re.compile(r"\x1b\[[0-9;]*m")


class NotStored(IlesError):
    """The store took nothing (it is full, or away): nothing half-written is visible, and it can be tried again."""


def cause_of(error: Exception) -> str:
    """What a store's error says, without the many lines of its causes: the first, and the next one's words."""
    lines = [_COLOUR.sub("", line).strip(" \u21b3") for line in str(error).splitlines()]
    return ": ".join([line for line in lines if line][:2]) or type(error).__name__
