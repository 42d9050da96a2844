"""A source's bytes (CSV, JSON, Parquet) as frames, a block at a time; the same bytes give the same blocks.

What the columns mean is not known here.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import BinaryIO

from cim.mapping.engine.formats.csv_lines import csv_frames
from cim.mapping.engine.formats.json_records import json_frames
from cim.mapping.engine.formats.parquet_rows import parquet_frames
from cim.mapping.engine.frame import Frame
from cim.mapping.engine.schema import CsvFormat, JsonFormat, Mapping


def frames(mapping: Mapping, source: BinaryIO) -> Iterator[Frame]:
    """The records of a source, in its order.

    Raises:
        BadInput: the whole cannot be read by the mapping's format: a column is missing, no JSON, no Parquet.
    """
    if isinstance(mapping.format, CsvFormat):
        return csv_frames(source, mapping.format, mapping.columns)
    if isinstance(mapping.format, JsonFormat):
        return json_frames(source, mapping.format, mapping.columns)
    return parquet_frames(source, mapping.columns)
