"""The live files of a readings table at one moment, kept from being removed while somebody reads them."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fcntl import LOCK_SH, flock
from pathlib import Path
from typing import TYPE_CHECKING

from cim.model.errors import BadInput
from cim.platform.readings.files import Place

if TYPE_CHECKING:
    from deltalake import DeltaTable

NEW, CURRENT, PAST = "new", "current", "past"


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Paths within the table.

    Attributes:
        new: files as they were appended.
        current: compacted files, in which no reading has two rows.
        past: compacted files of the rows that newer revisions replaced.
    """

    new: tuple[str, ...]
    current: tuple[str, ...]
    past: tuple[str, ...]


def live_files(delta: DeltaTable) -> dict[str, str]:
    """Path within the table -> the part that it belongs to."""
    import pyarrow as pa

    found = pa.table(delta.get_add_actions(flatten=True))
    return dict(zip(found["path"].to_pylist(), found["partition.part"].to_pylist(), strict=True))


@contextmanager
def snapshot(place: Place) -> Iterator[Snapshot]:
    """The live files now; none of them is removed inside the `with`.

    Raises:
        BadInput: there is no readings table.
    """
    from deltalake import DeltaTable
    from deltalake.exceptions import TableNotFoundError

    with reading(place.folder):
        try:
            delta = DeltaTable(place.address, storage_options=dict(place.options))
        except TableNotFoundError:
            raise BadInput(
                f"readings: {place.uri} has no readings table; expected one that a run or a site has made"
            ) from None
        parts = live_files(delta)
        kinds = {
            kind: tuple(sorted(path for path, part in parts.items() if part.partition("-")[0] == kind))
            for kind in (NEW, CURRENT, PAST)
        }
        yield Snapshot(kinds[NEW], kinds[CURRENT], kinds[PAST])


@contextmanager
def reading(folder: Path | None) -> Iterator[None]:
    """Hold a table's files, also against the writer in another process; the hold ends with this process at the latest."""
    if folder is None or not folder.exists():
        yield
        return
    handle = os.open(folder / "_readers", os.O_RDWR | os.O_CREAT, 0o644)
    try:
        flock(handle, LOCK_SH)
        yield
    finally:
        os.close(handle)
