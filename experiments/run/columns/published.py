"""What every column did, connection by connection and unit by unit, as a table that anyone can read.

The market's column can be read from its telemetry; the others leave none (foresight is a plan, and the other runs keep no
readings), so without this nobody could recompute `settled_vs_true`, bills under local rules or what curtailing costs.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np

from cim.model.arrays import Floats
from experiments.run.columns.column import Column, ColumnName

FILE = "columns.parquet"
CONNECTION = "connection"


def write_columns(path: Path, columns: Mapping[ColumnName, Column], starts: Sequence[datetime], isp: timedelta) -> None:
    """Write a Parquet file with a row for each column, connection or unit, and ISP.

    Its fields: `column`; `kind`, `connection` or the unit's kind; `name`, the prosumer's or `PROSUMER.UNIT`; `start` and
    `duration_s` of the ISP; `power_w`, mean watts, + = consumption; `reactive_var` of connections, mean vars;
    `available_w` of sun and wind, mean watts that could have been generated, <= 0; `stored_wh` of batteries, when the ISP
    begins. What a row does not have is null.

    Args:
        path: the folder of the run.
        starts: of each ISP, UTC.
        isp: its length.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    schema = pa.schema(
        [
            ("column", pa.dictionary(pa.int8(), pa.string())),
            ("kind", pa.dictionary(pa.int8(), pa.string())),
            ("name", pa.dictionary(pa.int32(), pa.string())),
            ("start", pa.timestamp("s", tz="UTC")),
            ("duration_s", pa.int32()),
            *((name, pa.float64()) for name in ("power_w", "reactive_var", "available_w", "stored_wh")),
        ]
    )
    count, seconds = len(starts), round(isp.total_seconds())
    nothing = np.full(count, np.nan)
    with pq.ParquetWriter(path / FILE, schema, compression="zstd") as writer:
        for name, column in columns.items():
            for kind, of, rows in _series(column):
                values = [pa.array(rows.get(field, nothing), from_pandas=True) for field in schema.names[5:]]
                said = [pa.array([text] * count).dictionary_encode() for text in (str(name), kind, of)]
                start = pa.array(list(starts), pa.timestamp("s", tz="UTC"))
                arrays = [*said, start, pa.array([seconds] * count, pa.int32()), *values]
                writer.write_table(pa.table(arrays, names=schema.names).cast(schema))


def _series(column: Column) -> Iterator[tuple[str, str, dict[str, Floats]]]:
    """(kind, name, field -> one value for each ISP) of every connection and unit."""
    for prosumer, (active, reactive) in column.truth.items():
        power = {"power_w": active, "reactive_var": reactive}
        yield CONNECTION, prosumer, {name: np.asarray(row, dtype=np.float64) for name, row in power.items()}
    devices = column.devices
    for unit, power_w in devices.power_w.items():
        more = {"available_w": devices.available_w.get(unit), "stored_wh": devices.stored_wh.get(unit)}
        rows = {"power_w": power_w, **{name: row for name, row in more.items() if row is not None}}
        yield devices.kinds[unit], unit, rows
