"""Held records as frames again, so that a mended mapping can be tried on them."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator

import numpy as np

from cim.mapping.engine.formats import frames
from cim.mapping.engine.frame import Frame, frame_of_records
from cim.mapping.engine.schema import CsvFormat, JsonFormat, Mapping
from cim.model.errors import BadInput
from cim.platform.handler.quarantine import Held


def frames_of(held: list[Held], mapping: Mapping, refused: dict[int, str]) -> Iterator[Frame]:
    """Held records as frames whose lines are their numbers in the quarantine."""
    records = [row for row in held if row.is_record]
    if records:
        frame = frame_of_records([json.loads(row.raw) for row in records], mapping.columns, [row.id for row in records])
        passes = np.array([row.passed for row in records], dtype=np.int8)
        yield Frame(frame.columns, frame.lines, passes=passes, records=frame.records)
    for row in held:
        if row.is_record:
            continue
        text = f"{row.header}\n{row.raw}\n" if row.header else f"{row.raw}\n"
        try:
            for frame in frames(_of_one_line(mapping, row.header), io.BytesIO(text.encode("utf-8", "replace"))):
                for reject in frame.rejects:
                    refused[row.id] = reject.reason
                yield Frame(frame.columns, np.full(len(frame), row.id, dtype=np.int64), records=frame.records)
        except BadInput as error:
            refused[row.id] = str(error)


def _of_one_line(mapping: Mapping, header: str) -> Mapping:
    form = mapping.format
    if isinstance(form, CsvFormat):
        form = form.model_copy(update={"header_row": 1 if header else 0, "encoding": "utf-8"})
    elif isinstance(form, JsonFormat):
        form = form.model_copy(update={"lines": not form.parallel, "rows": ""})
    return mapping.model_copy(update={"format": form})
