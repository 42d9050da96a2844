"""What a principal may see of messages as they come: each kind of row is judged in full, and columns are left out.

A stream has no groups: a policy that asks for a least number of homes, or for pseudonyms, opens nothing of it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from types import MappingProxyType
from typing import NamedTuple

from cim.model.readings import Kind
from cim.platform.access.attributes import READINGS, AttributeClass, Dataset
from cim.platform.access.control import AccessControl
from cim.platform.access.policies import Row, Rule
from cim.platform.access.principals import Principal, UsagePoint
from cim.platform.columns import Plain

# What a reading's row of a stream tells, by its columns.
COLUMNS: Mapping[str, AttributeClass] = MappingProxyType(
    {
        "usage_point": AttributeClass.HOME,
        "meter": AttributeClass.DEVICE,
        "kind": AttributeClass.MEASURE,
        "value": AttributeClass.MEASURE,
        "at": AttributeClass.TIME,
        "quality": AttributeClass.MEASURE,
        "recorded": AttributeClass.PROVENANCE,
    }
)


class _RowKind(NamedTuple):
    """What the policies test of a row that not all rows of its usage point share."""

    usage_point: str
    level: str
    reading_type: str
    quality: str
    aggregator: str


class StreamSight:
    """A principal's sight of one topic, for one purpose.

    Args:
        who: name of the caller.
        topic: `readings`, or a family of publications, whose messages are seen whole or not at all.

    Raises:
        Denied: nobody has this name, or no policy opens anything of the topic to it.
    """

    def __init__(self, access: AccessControl, who: str, topic: str, purpose: str) -> None:
        self._access, self._purpose, self._topic = access, purpose, topic
        self._principal = access.who(who, "stream", topic)
        self._book, self._points = access.book.usage_points, _by_name(access.book.usage_points)
        self._of_readings = topic == READINGS.name
        self._dataset = READINGS if self._of_readings else Dataset(topic, READINGS.columns)
        opened = self._opens()
        if not opened:
            raise access.deny(self._principal, "stream", topic, (f"purpose {purpose}",), "no policy permits it")
        self._allow(opened, 0)
        self._policies = opened

    def rows(self, rows: Sequence[Mapping[str, Plain]]) -> list[dict[str, Plain]]:
        """Of a block's rows (as `broker.outside.rows_of` has them) those that may be seen now, with the columns that may.

        Consents that ended are noticed.
        """
        if self._book is not self._access.book.usage_points:  # a connection went over to another aggregator
            self._book, self._points = self._access.book.usage_points, _by_name(self._access.book.usage_points)
        asking, _ = self._access.decide(self._principal, self._dataset, self._purpose)
        kinds = [self._kind(row) for row in rows]
        shown = self._shown(asking, list(dict.fromkeys(kinds)))
        found = []
        for row, kind in zip(rows, kinds, strict=True):
            if seen := shown[kind]:
                found.append({name: value for name, value in row.items() if COLUMNS[name] in seen})
        return found

    def whole(self) -> bool:
        """Whether a publication may be seen now."""
        return bool(self._opens())

    def ended(self, rows: int) -> None:
        """Keep in the audit log how much left."""
        self._allow(self._policies, rows)

    def _opens(self) -> tuple[str, ...]:
        """The policies by which anything of the topic may be seen."""
        asking, decision = self._access.decide(self._principal, self._dataset, self._purpose)
        if self._of_readings:
            return tuple(sorted(grant.rule.name for grant in decision.grants if _streams(grant.rule)))
        (rules,) = self._access.policies.judge(asking, self._dataset, self._purpose, [{}])
        return tuple(sorted(rule.name for rule in rules if _streams(rule)))

    def _kind(self, row: Mapping[str, Plain]) -> _RowKind:
        point, meter = str(row["usage_point"]), str(row["meter"])
        known = self._points.get(point)
        own = meter == point or (known is not None and meter == known.meter)
        level, code = "connection" if own else "device", Kind(str(row["kind"])).reading_type
        aggregator = _marketed_by(known, row) if known is not None else ""
        return _RowKind(point, level, code, str(row["quality"]), aggregator)

    def _shown(self, asking: Principal, kinds: Sequence[_RowKind]) -> dict[_RowKind, frozenset[AttributeClass]]:
        rows: list[Row] = []
        for kind in kinds:
            point = self._points.get(kind.usage_point)
            facts = (point.congestion_point, point.kind, point.place) if point else ("", "", "")
            places = dict(zip(("congestion_point", "kind", "place"), facts, strict=True))
            rows.append(kind._asdict() | places)
        judged = self._access.policies.judge(asking, self._dataset, self._purpose, rows)
        return {
            kind: frozenset(one for rule in rules if _streams(rule) for one in rule.shows)
            for kind, rules in zip(kinds, judged, strict=True)
        }

    def _allow(self, policies: tuple[str, ...], rows: int) -> None:
        asked = (f"purpose {self._purpose}",)
        self._access.allow(self._principal, "stream", self._topic, asked, policies, rows)


def _by_name(points: Sequence[UsagePoint]) -> dict[str, UsagePoint]:
    return {point.usage_point: point for point in points}


def _streams(rule: Rule) -> bool:
    return not rule.pseudonyms and rule.minimum_homes <= 1


def _marketed_by(point: UsagePoint, row: Mapping[str, Plain]) -> str:
    """Who markets a row's connection at its instant, which a block's rows have as text (ISO 8601)."""
    return point.aggregator_at(datetime.fromisoformat(str(row["at"]))) if point.handovers else point.aggregator
