"""Rows of one table that are of one reading: the same meter, reading type and begin, in the order in which they came."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from cim.platform.readings.columns import KEY

if TYPE_CHECKING:
    import pyarrow as pa

_LARGE = 1 << 31  # times as many rows as a table may have is still a number of 63 bits


def by_reading(table: pa.Table) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.bool_]]:
    """[N] row numbers with those of one reading behind each other, in their order; [N] whether the row before is of the same."""
    key = np.zeros(table.num_rows, dtype=np.int64)
    for name in KEY:
        codes = codes_of(table, name)
        key = key * (int(codes.max(initial=0)) + 1) + codes
        if int(key.max(initial=0)) > _LARGE:
            key = np.unique(key, return_inverse=True)[1].astype(np.int64)
    order = np.argsort(key, kind="stable")
    ordered = key[order]
    same = np.zeros(table.num_rows, dtype=bool)
    same[1:] = ordered[1:] == ordered[:-1]
    return order, same


def codes_of(table: pa.Table, name: str) -> npt.NDArray[np.int64]:
    """[N] a number for each different value of a column without nulls."""
    import pyarrow.compute as pc

    encoded = pc.dictionary_encode(table[name].combine_chunks())
    codes: npt.NDArray[np.int64] = encoded.indices.to_numpy(zero_copy_only=False).astype(np.int64)
    return codes


def ranks(table: pa.Table) -> npt.NDArray[np.int64]:
    """[N] how many rows before it are of the same reading."""
    order, same = by_reading(table)
    places = np.arange(table.num_rows, dtype=np.int64)
    first = np.maximum.accumulate(np.where(same, 0, places))
    found = np.empty(table.num_rows, dtype=np.int64)
    found[order] = places - first
    return found
