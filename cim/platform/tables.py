"""Readings as tables: Parquet files of CIM readings, written in parts so that what was written stays readable."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from cim.model.readings import Reading

_PART = 20_000


class ReadingTable:
    """Writes readings to `DIR/readings-0000.parquet` and so on, a part at a time.

    Columns: source, kind, reading_type (IEC 61968-9), value, at (UTC), quality. `keep` goes on behind the parts that are
    there; otherwise they are replaced.
    """

    def __init__(self, folder: Path, keep: bool = False) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        old = list(folder.glob("readings-*.parquet"))
        if not keep:
            for part in old:
                part.unlink()
        self._folder = folder
        self._rows: list[Reading] = []
        # By number: after a hundred days of living there are more parts than four digits can tell in order.
        self._parts = max(int(part.stem.rpartition("-")[2]) for part in old) + 1 if keep and old else 0
        self.count = 0

    def add(self, readings: Iterable[Reading]) -> None:
        """Take readings; a full part is written at once."""
        self._rows.extend(readings)
        if len(self._rows) >= _PART:
            self.flush()

    def flush(self) -> None:
        """Write what has been taken since the last part."""
        if not self._rows:
            return
        import pyarrow as pa
        import pyarrow.parquet as pq

        rows, self._rows = self._rows, []
        table = pa.table(
            {
                "source": pa.array([r.source for r in rows]).dictionary_encode(),
                "kind": pa.array([r.kind.value for r in rows]).dictionary_encode(),
                "reading_type": pa.array([r.kind.reading_type for r in rows]).dictionary_encode(),
                "value": pa.array([float(r.value) for r in rows]),
                "at": pa.array([r.at for r in rows], type=pa.timestamp("us", tz="UTC")),
                "quality": pa.array([r.quality.value for r in rows]).dictionary_encode(),
            }
        )
        unfinished = self._folder / "part.tmp"
        pq.write_table(table, unfinished, compression="zstd")
        unfinished.rename(self._folder / f"readings-{self._parts:04d}.parquet")
        self._parts += 1
        self.count += len(rows)
