"""Small mappings and what they make of a text."""

from __future__ import annotations

import io
from datetime import datetime

from cim.mapping.engine.formats import frames
from cim.mapping.engine.mapper import Mapper, State
from cim.mapping.engine.mapping_file import read_mapping

HOURLY = """
name: hourly
format: {kind: csv, delimiter: ";", decimal: ","}
instant: {column: time, pattern: "%d.%m.%Y %H:%M", zone: Europe/Vienna, interval_s: 3600}
usage_point: {constant: "agr-east:home-1"}
meter: meter
values:
  - {column: kwh, reading_type: energy_import, unit: kWh}
"""


def taken(
    mapping: str, data: str | bytes, state: State | None = None
) -> tuple[list[dict[str, object]], list[tuple[int, str]]]:
    """Readings as rows, and (line, reason) of the rejects."""
    found = read_mapping(mapping).mapping
    mapper, state, rows, rejects = Mapper(found), state or State(), [], []
    for frame in frames(found, io.BytesIO(data.encode() if isinstance(data, str) else data)):
        mapped = mapper.apply(frame, state)
        rows += mapped.readings.to_pylist()
        rejects += [(reject.line, reject.reason) for reject in mapped.rejects]
    return rows, rejects


def utc(row: dict[str, object]) -> str:
    """A reading's begin as text."""
    begin = row["begin"]
    assert isinstance(begin, datetime)
    return begin.strftime("%m-%dT%H:%MZ")
