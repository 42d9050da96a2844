"""What a run has published, read from its folder's tables; nothing is opened for writing, so a folder in use is safe."""

from __future__ import annotations

from pathlib import Path
from typing import TypeVar, cast

from cim.platform.columns import publication_of
from cim.platform.publications.base import Publication
from cim.platform.publications.families import family_name

P = TypeVar("P", bound=Publication)


def published(folder: Path, family: type[P]) -> list[P]:
    """All publications of a family that stand in tables, in order; what a living site has only logged is not among them.

    Args:
        folder: of the run; one that has no tables has published nothing.
    """
    import pyarrow.parquet as pq

    parts = sorted((folder / "publications").glob(f"{family_name(family)}-*.parquet"))
    rows = (row for part in parts for row in pq.ParquetFile(part).read().to_pylist())
    return [cast("P", publication_of(family, row)) for row in rows]
