"""What all values of a record share: whose it is, which meter's, how good, and which values ask for it."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from cim.mapping.engine.frame import Frame
from cim.mapping.engine.instants import as_text, by_unique, rows_with
from cim.mapping.engine.local_clock import Flags, Series
from cim.mapping.engine.schema import Mapping, QualityColumn, Text, Value
from cim.model.readings import Quality

QUALITIES = {quality.value: code for code, quality in enumerate(Quality)}


class Names:
    """A text of each record: [N] texts, null where there is none; `{row: reason}`; the different texts by number."""

    def __init__(self, frame: Frame, text: Text, what: str) -> None:
        lookup, prefix = text.lookup, text.prefix

        def named(found: str) -> str:
            if lookup is not None and found not in lookup:
                raise ValueError(f"{what}: {found[:60]!r} is not in the mapping's lookup")
            name = prefix + (found if lookup is None else lookup[found])
            if len(name) > 200 or "\ufffd" in name or not name.isprintable():
                raise ValueError(f"{what}: {found[:60]!r} is no name")
            return name

        if text.column is None:
            self.column = pa.DictionaryArray.from_arrays(
                pa.array(np.zeros(len(frame), dtype=np.int32)), pa.array([named(text.constant or "")])
            )
            self.codes, self.wrong = np.zeros(len(frame), dtype=np.int64), dict[int, str]()
            return
        values, reasons, index = by_unique(
            as_text(frame.columns[text.column]), named, f"{what}: {text.column} is empty"
        )
        self.column = pa.DictionaryArray.from_arrays(pa.array(index), pa.array(values, pa.string()))
        self.codes, self.wrong = index, rows_with(reasons, index)


def asked_by(frame: Frame, value: Value) -> Flags:
    """[N] the records that a value asks for."""
    found = np.ones(len(frame), dtype=bool)
    for name, text in value.where.items():
        column = pc.utf8_trim_whitespace(as_text(frame.columns[name]).fill_null(""))
        found &= pc.equal(column, text).to_numpy(zero_copy_only=False)
    return found


def qualities(frame: Frame, spec: QualityColumn | None) -> npt.NDArray[np.int64]:
    """[N] the quality of each record, as a number of `QUALITIES`."""
    if spec is None:
        return np.full(len(frame), QUALITIES["GOOD"], dtype=np.int64)
    values, _, index = by_unique(
        as_text(frame.columns[spec.column]), lambda text: spec.values.get(text, spec.otherwise), ""
    )
    codes = np.array([QUALITIES[spec.otherwise if value is None else value] for value in values], dtype=np.int64)
    return codes[index]


def series_of(frame: Frame, meter: Names, mapping: Mapping) -> Series:
    """A meter's records, those that different values ask for apart (a register a line)."""
    columns = [meter.codes]
    names = dict.fromkeys(name for value in mapping.values for name in value.where)
    texts = [pc.dictionary_encode(as_text(frame.columns[name]).fill_null("")) for name in names]
    columns += [text.indices.to_numpy(zero_copy_only=False).astype(np.int64) for text in texts]
    codes = columns[0].copy()
    for other in columns[1:]:
        codes = codes * (int(other.max(initial=0)) + 1) + other

    def name(row: int) -> str:
        return "\t".join([str(meter.column[row].as_py()), *(str(text[row].as_py()) for text in texts)])

    return Series(codes, name)
