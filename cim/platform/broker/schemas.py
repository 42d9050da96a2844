"""What messages of the two sorts of topics look like: blocks of readings, and publications one by one."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, TypeVar, cast

from cim.model.errors import BadInput
from cim.model.readings import Kind, Quality, Reading
from cim.platform.broker.topic import MEBIBYTE, Message, Topic
from cim.platform.columns import Plain, row_of
from cim.platform.publications.base import Publication
from cim.platform.publications.families import FAMILIES, family_name

if TYPE_CHECKING:
    from pydantic import TypeAdapter

T = TypeVar("T")

READINGS = "readings"
_KINDS, _QUALITIES = (frozenset(one.value for one in words) for words in (Kind, Quality))
# Columns of a block, and the type of their values.
COLUMNS: Mapping[str, type] = {
    "usage_point": str,
    "meter": str,
    "kind": str,
    "value": float,
    "at_us": int,
    "quality": str,
}
MOST_ROWS = 50_000  # of a block
_LATEST_US = 7_258_118_400_000_000  # 2200


class ReadingsSchema:
    """A block of readings, by columns: whose, which meter, `Kind`, value in the kind's unit, instant (microseconds since
    1970, UTC), `Quality`; and `recorded_us`, when the platform learned them, on the run's own clock."""

    def check(self, message: Message) -> Message:
        """See `Schema.check`."""
        _exactly(message, {*COLUMNS, "recorded_us"})
        recorded = message["recorded_us"]
        if type(recorded) is not int or not 0 < recorded < _LATEST_US:
            raise BadInput(f"recorded_us {_shown(recorded)}; expected microseconds since 1970")
        texts = {name: _column(name, message[name], str) for name, kind in COLUMNS.items() if kind is str}
        values, instants = _column("value", message["value"], float), _column("at_us", message["at_us"], int)
        if len({len(values), len(instants), *map(len, texts.values())}) != 1:
            raise BadInput("columns of different lengths; expected one value of each column for every reading")
        for name, known in (("kind", _KINDS), ("quality", _QUALITIES)):
            if strange := set(texts[name]) - known:
                raise BadInput(f"{name} {_shown(strange.pop())}; expected one of {', '.join(sorted(known))}")
        for name in ("usage_point", "meter"):
            if "" in texts[name]:
                raise BadInput(f"{name} ''; expected a name")
        if not all(map(math.isfinite, values)):
            raise BadInput("value: one that is no finite number; expected finite numbers")
        if instants and not 0 < min(instants) <= max(instants) < _LATEST_US:
            raise BadInput("at_us: an instant that is not between 1970 and 2200; expected microseconds since 1970")
        return message


class PublicationSchema:
    """One publication: `number` (its place among all of the store), `agent` (who told it), `told` (its fields)."""

    def __init__(self, family: type[Publication]) -> None:
        self._family = family
        self._adapter: TypeAdapter[Publication] | None = None

    def check(self, message: Message) -> Message:
        """See `Schema.check`."""
        _exactly(message, {"number", "agent", "told"})
        number, agent, told = message["number"], message["agent"], message["told"]
        if type(number) is not int or number < 1:
            raise BadInput(f"number {_shown(number)}; expected a whole number from 1")
        if not isinstance(agent, str) or not agent:
            raise BadInput(f"agent {_shown(agent)}; expected a name")
        publication = self._read(told)
        if publication.at.tzinfo is None:
            raise BadInput(f"told.at {publication.at}; expected an instant in UTC")
        return {"number": number, "agent": agent, "told": row_of(publication)}

    def _read(self, told: Plain) -> Publication:
        from pydantic import TypeAdapter, ValidationError

        if self._adapter is None:
            self._adapter = TypeAdapter(self._family)
        try:
            return self._adapter.validate_python(told)
        except ValidationError as error:
            first = error.errors(include_url=False, include_context=False)[0]
            place = ".".join(("told", *map(str, first["loc"])))
            raise BadInput(f"{place} {_shown(first['input'])}; {first['msg']}") from None


def site_topics() -> dict[str, Topic]:
    """All topics of a site by their names: `readings`, and one for each family of publications."""
    found = {name: Topic(name, PublicationSchema(kind), 16 * MEBIBYTE, 8 * MEBIBYTE) for name, kind in FAMILIES.items()}
    return {READINGS: Topic(READINGS, ReadingsSchema()), **found}


def publication_message(number: int, agent: str, publication: Publication) -> tuple[str, Message]:
    """The topic of a publication and its message there."""
    return family_name(type(publication)), {"number": number, "agent": agent, "told": row_of(publication)}


def readings_message(readings: Iterable[Reading], usage_points: Mapping[str, str], recorded: datetime) -> Message:
    """A block of readings.

    Args:
        usage_points: by meter or device; one that is not there belongs to the name before its last dot.
    """
    rows = list(readings)
    meters = [row.source for row in rows]
    return {
        "usage_point": [usage_points.get(name, name.rpartition(".")[0] or name) for name in meters],
        "meter": list(meters),
        "kind": [row.kind.value for row in rows],
        "value": [float(row.value) for row in rows],
        "at_us": [micros(row.at) for row in rows],
        "quality": [row.quality.value for row in rows],
        "recorded_us": micros(recorded),
    }


def micros(at: datetime) -> int:
    """Microseconds since 1970."""
    span = at.astimezone(UTC) - datetime(1970, 1, 1, tzinfo=UTC)
    return (span.days * 86_400 + span.seconds) * 1_000_000 + span.microseconds


def _exactly(message: Message, names: set[str]) -> None:
    if wrong := set(message) ^ names:
        name = min(map(str, wrong))
        raise BadInput(
            f"field {name[:60]!r} is {'missing' if name in names else 'unknown'}; expected {', '.join(sorted(names))}"
        )


def _column(name: str, values: Plain, kind: type[T]) -> Sequence[T]:
    if not isinstance(values, list | tuple) or len(values) > MOST_ROWS:
        raise BadInput(f"{name}: expected a list of at most {MOST_ROWS} values")
    if strange := set(map(type, values)) - {kind}:
        raise BadInput(f"{name}: a value of type {strange.pop().__name__}; expected {kind.__name__} in all rows")
    return cast("Sequence[T]", values)


def _shown(value: object) -> str:
    return repr(value)[:60]
