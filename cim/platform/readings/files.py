"""Where a readings table's files lie: a folder, or an S3-compatible store by its address and options.

A file is whole and on the disk before the table's log names it, so that a kill or a full disk at any moment leaves the
table as it was.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from cim.platform.readings.errors import NotStored, cause_of

if TYPE_CHECKING:
    import pyarrow as pa

# Rows. A query pays for each group's entry in the footer, whatever it reads; within a group the page index leads to a
# meter's pages.
ROW_GROUP = 512 * 1024
PAGE = 4096


@dataclass(frozen=True)
class Place:
    """A table's place.

    Attributes:
        uri: a folder's path, or for example `s3://bucket/readings`.
        options: of the store, as the deltalake library names them (`AWS_ENDPOINT_URL`, `AWS_ACCESS_KEY_ID` and so on);
            a folder has none.
        lock: a file that is locked by the table's one writer on this machine; a folder has its own.
    """

    uri: str
    options: Mapping[str, str] = field(default_factory=dict)
    lock: Path | None = None

    @staticmethod
    def of(place: Place | str | Path, options: Mapping[str, str] | None = None) -> Place:
        """A place by its path or address."""
        return place if isinstance(place, Place) else Place(str(place), options or {})

    def exists(self) -> bool:
        """Whether there is a table.

        Raises:
            NotStored: the store does not answer, or lets nobody in without its keys.
        """
        from deltalake import DeltaTable
        from deltalake.exceptions import DeltaError

        if self.folder is not None:
            return (self.folder / "_delta_log").is_dir()
        try:
            return bool(DeltaTable.is_deltatable(self.uri, dict(self.options)))
        except (OSError, DeltaError) as error:
            raise NotStored(
                f"readings: {self.uri} cannot be reached ({cause_of(error)}); expected its store to answer, "
                "and the keys in AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
            ) from None

    @property
    def folder(self) -> Path | None:
        """The folder; None where it is another kind of store."""
        return None if "://" in self.uri else Path(self.uri).absolute()

    @property
    def address(self) -> str:
        """As the Delta library wants it."""
        return self.uri if self.folder is None else str(self.folder)

    def filesystem(self) -> pa.fs.FileSystem:
        """The store as Arrow reads and writes it, rooted at the table."""
        import pyarrow.fs as pafs
        from deltalake.fs import DeltaStorageHandler

        return pafs.PyFileSystem(DeltaStorageHandler(self.address, dict(self.options)))

    def write(self, path: str, schema: pa.Schema, batches: Iterable[pa.RecordBatch | pa.Table]) -> Written:
        """Write a Parquet file; when it returns, the disk has it.

        Args:
            path: within the table.
            batches: in the file's order.

        Raises:
            OSError: the disk is full, or the store away; nothing of the file is left in a folder.
        """
        if self.folder is None:
            with self.filesystem().open_output_stream(path) as stream:
                return _write(stream, schema, batches)
        target = self.folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        unfinished = target.with_suffix(".unfinished")
        try:
            with unfinished.open("wb") as file:
                written = _write(file, schema, batches)
                file.flush()
                os.fsync(file.fileno())
            unfinished.rename(target)
        except BaseException:
            unfinished.unlink(missing_ok=True)
            raise
        sync_folder(target.parent)
        return written

    def forget(self, paths: Iterable[str]) -> None:
        """Remove files that no log names."""
        for path in paths:
            with suppress(OSError):
                if self.folder is None:
                    self.filesystem().delete_file(path)
                else:
                    (self.folder / path).unlink(missing_ok=True)

    def sync_log(self, version: int) -> None:
        """Have the disk keep a version's entry in the table's log."""
        if self.folder is not None:
            log = self.folder / "_delta_log"
            with (log / f"{version:020d}.json").open("rb") as entry:
                os.fsync(entry.fileno())
            sync_folder(log)


@dataclass(frozen=True)
class Written:
    """A file's size in bytes and rows."""

    size: int
    rows: int


def _write(stream: pa.NativeFile, schema: pa.Schema, batches: Iterable[pa.RecordBatch | pa.Table]) -> Written:
    import pyarrow as pa
    import pyarrow.parquet as pq

    rows = 0
    # A meter's instants follow each other at the same distance: as differences they take next to no room.
    instants = {column.name for column in schema if pa.types.is_timestamp(column.type)}
    with pq.ParquetWriter(
        stream,
        schema,
        compression="zstd",
        use_dictionary=[name for name in schema.names if name not in instants],
        column_encoding=dict.fromkeys(instants, "DELTA_BINARY_PACKED"),
        write_batch_size=PAGE,
        max_rows_per_page=PAGE,
        write_page_index=True,
    ) as writer:
        for batch in batches:
            rows += batch.num_rows
            writer.write(batch, row_group_size=ROW_GROUP)
    return Written(stream.tell(), rows)


def sync_folder(folder: Path) -> None:
    """Have the disk keep a folder's names."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
