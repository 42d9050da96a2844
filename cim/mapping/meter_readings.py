"""Readings as they are told, as MeterReading trees of IEC 61968-9, and back: one tree a meter, a block a reading type."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from itertools import pairwise

from cim.model.errors import BadInput
from cim.model.identified import DateTimeInterval
from cim.model.metering import IntervalBlock, IntervalReading, MeterReading, ReadingQuality, ReadingQualityType
from cim.model.reading_type import parse_reading_type
from cim.model.readings import Kind, Quality, Reading

# GOOD is said by no quality at all or by VALID; it is written as VALID, so that a reader need not know that.
QUALITIES = {
    Quality.GOOD: ReadingQualityType.VALID,
    Quality.STALE: ReadingQualityType.SUSPECT,
    Quality.ABSENT: ReadingQualityType.MISSING,
    Quality.INVALID: ReadingQualityType.OUT_OF_RANGE,
}
_OURS = {standard: ours for ours, standard in QUALITIES.items()}
_KINDS = {kind.reading_type: kind for kind in Kind}


def meter_readings(readings: Iterable[Reading], usage_points: Mapping[str, str] | None = None) -> list[MeterReading]:
    """The trees of `readings`, by meter; values of a meter and kind in time order.

    Args:
        readings: in any order.
        usage_points: the usage point of a meter, where it is known.

    Raises:
        BadInput: two readings of one meter, kind and instant.
    """
    by_meter: dict[str, dict[Kind, list[Reading]]] = defaultdict(lambda: defaultdict(list))
    for reading in readings:
        by_meter[reading.source][reading.kind].append(reading)
    return [_tree(meter, kinds, (usage_points or {}).get(meter)) for meter, kinds in sorted(by_meter.items())]


def _tree(meter: str, kinds: Mapping[Kind, list[Reading]], usage_point: str | None) -> MeterReading:
    blocks = []
    for kind, rows in kinds.items():
        rows.sort(key=lambda reading: reading.at)
        for earlier, later in pairwise(rows):
            if earlier.at == later.at:
                raise BadInput(f"readings: {meter} has two of {kind.value} at {later.at.isoformat()}; expected one")
        values = (
            IntervalReading(
                time_stamp=row.at,
                value=row.value,
                reading_qualities=(ReadingQuality(reading_quality_type=QUALITIES[row.quality]),),
            )
            for row in rows
        )
        blocks.append(
            IntervalBlock(reading_type=parse_reading_type(kind.reading_type), interval_readings=tuple(values))
        )
    instants = [row.at for rows in kinds.values() for row in rows]
    within = DateTimeInterval(start=min(instants), end=max(instants))
    return MeterReading(meter=meter, usage_point=usage_point, values_interval=within, interval_blocks=tuple(blocks))


def readings_of(tree: MeterReading) -> list[Reading]:
    """The readings in a tree; a value of several qualities has the worst of them.

    Raises:
        BadInput: a reading type that ILES has no kind for.
    """
    found = []
    worst = list(Quality)
    for block in tree.interval_blocks:
        kind = _KINDS.get(block.reading_type.code)
        if kind is None:
            raise BadInput(f"MeterReading of {tree.meter}: reading type {block.reading_type} is none of ILES's kinds")
        for row in block.interval_readings:
            said = [_OURS[quality.reading_quality_type] for quality in row.reading_qualities] or [Quality.GOOD]
            found.append(Reading(tree.meter, kind, row.value, row.time_stamp, max(said, key=worst.index)))
    return found
