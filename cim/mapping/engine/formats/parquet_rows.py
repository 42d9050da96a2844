"""Apache Parquet: the columns that a mapping names, a block of rows at a time.

Other columns are not read.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import BinaryIO

import numpy as np
import pyarrow as pa

from cim.mapping.engine.frame import Frame, column_of
from cim.model.errors import BadInput

ROWS = 100_000  # in one frame


def parquet_frames(source: BinaryIO, columns: Sequence[str]) -> Iterator[Frame]:
    """Frames of the rows.

    Raises:
        BadInput: it is no Parquet file, is damaged, or has not all columns.
    """
    from pyarrow import parquet

    try:
        file = parquet.ParquetFile(source)
        missing = [column for column in columns if column not in file.schema_arrow.names]
        if missing:
            raise BadInput(
                f"column {missing[0]!r} is not in the file; there are {', '.join(file.schema_arrow.names)[:400]}"
            )
        first = 1
        for batch in file.iter_batches(ROWS, columns=list(columns)):
            arrays = {name: _plain(batch.column(batch.schema.get_field_index(name))) for name in columns}
            yield Frame(arrays, np.arange(first, first + batch.num_rows, dtype=np.int64))
            first += batch.num_rows
    except (pa.ArrowException, OSError) as error:
        raise BadInput(f"the file is no readable Parquet: {str(error).splitlines()[0][:200]}") from None


def _plain(column: pa.Array) -> pa.Array:
    """As texts, numbers or instants: other types become their values' JSON."""
    kind = column.type
    if pa.types.is_dictionary(kind):
        return _plain(column.dictionary_decode())
    if pa.types.is_string(kind) or pa.types.is_timestamp(kind):
        return column
    if pa.types.is_integer(kind) or pa.types.is_floating(kind):
        return column.cast(pa.float64(), safe=False)
    if pa.types.is_large_string(kind) or pa.types.is_date(kind) or pa.types.is_decimal(kind):
        return column.cast(pa.string())
    return column_of(column.to_pylist())
