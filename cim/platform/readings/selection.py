"""Which readings are asked for, as the condition of a query: constant words of SQL, every value a parameter."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TypeAlias

from cim.model.errors import BadInput

Parameter: TypeAlias = str | int | float | datetime | list[str]
Parameters: TypeAlias = dict[str, Parameter]


@dataclass(frozen=True, slots=True)
class Selection:
    """Readings that are asked for; what is None is not restricted.

    Attributes:
        meters, usage_points, reading_types: names, any of them.
        begin, end: of the readings' begin, UTC; `end` is excluded.
        as_of: only what the platform knew at this instant, UTC.
    """

    meters: Sequence[str] | None = None
    usage_points: Sequence[str] | None = None
    reading_types: Sequence[str] | None = None
    begin: datetime | None = None
    end: datetime | None = None
    as_of: datetime | None = None

    def __post_init__(self) -> None:
        for name in ("begin", "end", "as_of"):
            instant = getattr(self, name)
            if instant is not None and instant.tzinfo is None:
                raise BadInput(f"readings: {name} {instant} has no time zone; expected an instant in UTC")
        if self.begin is not None and self.end is not None and self.end <= self.begin:
            raise BadInput(f"readings: from {self.begin} to {self.end}; expected an end behind the begin")

    def condition(self, span: bool = True) -> tuple[str, Parameters]:
        """What stands behind WHERE, without `as_of`, and its parameters.

        Args:
            span: whether begin and end are asked for; False where all rows are known to be inside.
        """
        key, parameters = self.key_condition(span)
        point, named = _any_of("usage_point", self.usage_points)
        return f"{key} AND {point}", parameters | named

    def key_condition(self, span: bool = True) -> tuple[str, Parameters]:
        """The part that all revisions of a reading agree in: meter, reading type and begin, not the connection."""
        terms, parameters = ["true"], Parameters()
        for column, names in (("meter", self.meters), ("reading_type", self.reading_types)):
            term, named = _any_of(column, names)
            terms.append(term)
            parameters |= named
        if span and self.begin is not None:
            terms.append("begin >= $span_begin")
            parameters["span_begin"] = self.begin
        if span and self.end is not None:
            terms.append("begin < $span_end")
            parameters["span_end"] = self.end
        return " AND ".join(terms), parameters


def _any_of(column: str, names: Sequence[str] | None) -> tuple[str, Parameters]:
    if names is None:
        return "true", {}
    if len(names) == 1:
        return f"{column} = ${column}", {column: names[0]}
    # The bounds let pages and row groups be passed over, which the list alone does not.
    term = f"{column} BETWEEN ${column}_low AND ${column}_high AND list_contains(${column}s, {column})"
    low, high = min(names, default=""), max(names, default="")
    return term, {f"{column}s": list(names), f"{column}_low": low, f"{column}_high": high}
