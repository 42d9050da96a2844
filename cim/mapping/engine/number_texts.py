"""Numbers as sources write them, a column at a time: decimal commas, thousands, and what stands for no value."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from cim.mapping.engine.schema import Marker, Written

Flags = npt.NDArray[np.bool_]


def numbers(
    column: pa.Array, written: Written | None, missing: Sequence[Marker]
) -> tuple[npt.NDArray[np.float64], Flags, Flags]:
    """Values, which of them are missing, and which are no numbers.

    Returns:
        [N] values (0 where there is none), [N] missing, [N] not a number.
    """
    texts = tuple(marker.strip().lower() for marker in missing if isinstance(marker, str))
    marks = tuple(float(marker) for marker in missing if not isinstance(marker, str))
    if not pa.types.is_string(column.type):
        values = column.cast(pa.float64(), safe=False).to_numpy(zero_copy_only=False)
        none = np.isnan(values) if not pa.types.is_timestamp(column.type) else np.zeros(len(values), dtype=bool)
        wrong = np.isinf(values)
    else:
        values, none, wrong = _of_texts(column, written or Written(), texts)
    if marks:
        none |= np.isin(values, marks) & ~wrong
    return np.where(none | wrong, 0.0, values), none, wrong & ~none


def _of_texts(
    column: pa.Array, written: Written, markers: Sequence[str]
) -> tuple[npt.NDArray[np.float64], Flags, Flags]:
    stripped = pc.utf8_trim_whitespace(pc.fill_null(column, ""))
    none = pc.is_in(stripped, value_set=pa.array(["", *markers])).to_numpy(zero_copy_only=False).copy()
    fits = pc.match_substring_regex(stripped, _pattern(written.decimal, written.thousands)).to_numpy(
        zero_copy_only=False
    )
    if not (fits | none).all():  # markers in other letters: N/A, n/a
        none |= pc.is_in(pc.utf8_lower(stripped), value_set=pa.array(["", *markers])).to_numpy(zero_copy_only=False)
    plain = stripped
    if written.thousands is not None:
        plain = pc.replace_substring(plain, written.thousands, "")
    if written.decimal == ",":
        plain = pc.replace_substring(plain, ",", ".")
    plain = pc.if_else(pa.array(fits & ~none), plain, "0")
    values = pc.cast(plain, pa.float64()).to_numpy(zero_copy_only=False).copy()
    return values, none, ~(fits | none) | ~np.isfinite(values)


@lru_cache(maxsize=16)
def _pattern(decimal: str, thousands: str | None) -> str:
    whole = r"\d+" if thousands is None else rf"(\d{{1,3}}({re.escape(thousands)}\d{{3}})+|\d+)"
    return rf"^[+-]?({whole}({re.escape(decimal)}\d*)?|{re.escape(decimal)}\d+)([eE][+-]?\d{{1,3}})?$"
