"""The value templates that are read: the paths into JSON that devices use. None is run.

Home Assistant's templates are programs (Jinja). A path with number filters is what sensors need, and all that is taken from
who may publish to a broker; `float(0)` is not, since it makes 0 of what is unknown.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from devices.dial_in import strict_json
from devices.dial_in.strict_json import Json

Template = Callable[[str], str | None]

_WHOLE = re.compile(
    r"\{\{\s*(?P<root>value_json|value)(?P<path>(?:\.\w+|\[\s*(?:'[^'\]]*'|\"[^\"\]]*\"|\d+)\s*\])*)(?P<filters>[^}]*)\}\}"
)
_STEP = re.compile(r"\.(\w+)|\[\s*(?:'([^'\]]*)'|\"([^\"\]]*)\"|(\d+))\s*\]")
_FILTERS = re.compile(r"(?:\s*\|\s*(?:float|int|string|trim|is_defined|round(?:\(\s*\d*\s*\))?))*\s*")
_COMMAND = re.compile(r"\{\{\s*value\s*(?:\|\s*(?:float|int|string)\s*)?\}\}")


def value_template(text: str | None) -> Template | None:
    """How a payload becomes a value; None where the template says more than a path."""
    if text is None or not text.strip():
        return str.strip
    match = _WHOLE.fullmatch(text.strip())
    if match is None or not _FILTERS.fullmatch(match["filters"]):
        return None
    if match["root"] == "value":
        return None if match["path"] else str.strip
    steps = [next(part for part in step.groups() if part is not None) for step in _STEP.finditer(match["path"])]

    def read(payload: str) -> str | None:
        try:
            found: Json = strict_json.loads(payload)
        except ValueError:
            return None
        for step in steps:
            if isinstance(found, dict):
                found = found.get(step)
            elif isinstance(found, list) and step.isdecimal() and len(step) < 10 and int(step) < len(found):
                found = found[int(step)]
            else:
                return None
        if isinstance(found, bool):
            return "True" if found else "False"  # as Jinja writes it
        return str(found) if isinstance(found, str | int | float) else None

    return read


def command_template(text: str | None) -> Callable[[str], str] | None:
    """How a value becomes a command's payload; None where the template says more than where the value stands."""
    if text is None or not text.strip():
        return str
    before, *after = _COMMAND.split(text)
    if len(after) != 1 or "{{" in before + after[0] or "{%" in text:
        return None
    return lambda value: f"{before}{value}{after[0]}"
