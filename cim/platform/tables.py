"""Readings as tables: Parquet files of CIM readings, written in parts so that what was written stays readable."""

from __future__ import annotations

import os
from collections.abc import Iterable
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path

from cim.model.readings import Kind, Quality, Reading
from cim.platform.store import wanted

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
        self._parts = max(map(_number, old)) + 1 if keep and old else 0
        self._old, self._written = old if keep else [], 0

    @property
    def count(self) -> int:
        """How many readings there are, written or waiting."""
        return self._kept + self._written + len(self._rows)

    @cached_property
    def _kept(self) -> int:
        return _rows_in(self._old)

    def add(self, readings: Iterable[Reading]) -> None:
        """Take readings; a full part is written at once.

        Raises:
            OSError: the disk is full; they are taken all the same, and wait.
        """
        self._rows.extend(readings)
        if self.is_full:
            self.flush()

    @property
    def is_full(self) -> bool:
        """Whether as many wait as make a part."""
        return len(self._rows) >= _PART

    def flush(self) -> None:
        """Write what has been taken since the last part; when it returns, the disk has it.

        Raises:
            OSError: the disk is full; all of it waits on.
        """
        if not self._rows:
            return
        import pyarrow as pa
        import pyarrow.parquet as pq

        rows = self._rows
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
        try:
            with unfinished.open("wb") as file:
                pq.write_table(table, file, compression="zstd")
                file.flush()
                os.fsync(file.fileno())
            unfinished.rename(self._folder / f"readings-{self._parts:04d}.parquet")
        except OSError:
            unfinished.unlink(missing_ok=True)
            raise
        self._rows = []
        self._parts += 1
        self._written += len(rows)

    def read(
        self, source: str | None, kind: Kind | None, since: datetime | None, until: datetime | None
    ) -> list[Reading]:
        """Readings in the order in which they came, written or waiting; see `cim.platform.store.Store.readings`."""
        import pyarrow.parquet as pq

        found: list[Reading] = []
        for path in sorted(self._folder.glob("readings-*.parquet"), key=_number):
            rows = pq.ParquetFile(path).read(["source", "kind", "value", "at", "quality"]).to_pylist()
            found += [
                Reading(
                    row["source"], Kind(row["kind"]), row["value"], row["at"].astimezone(UTC), Quality(row["quality"])
                )
                for row in rows
            ]
        return [reading for reading in (*found, *self._rows) if wanted(reading, source, kind, since, until)]


def _number(path: Path) -> int:
    return int(path.stem.rpartition("-")[2])


def _rows_in(parts: list[Path]) -> int:
    import pyarrow.parquet as pq

    return sum(pq.read_metadata(path).num_rows for path in parts)
