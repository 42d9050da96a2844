"""What is told of a finished run after it has ended, put into its folder, where the portal and whoever else reads it finds it."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from pathlib import Path

from cim.model.errors import BadInput
from cim.platform.parquet_store import ParquetStore
from cim.platform.publications.base import Publication
from cim.platform.publications.site import SiteDescribed
from cim.platform.published import PublishedTables
from cim.platform.store import values


def span_of_run(folder: Path) -> tuple[str, datetime, datetime]:
    """The site of a finished run, and from when to when (UTC) it published.

    Raises:
        BadInput: it is no finished run's folder.
    """
    tables = PublishedTables(folder)
    described, end = values(tables, SiteDescribed), tables.newest()
    if not (folder / "summary.json").is_file() or not described or end is None:
        raise BadInput(f"{folder}: no finished run; expected the folder of one (`iles run SITE --out DIR`)")
    return described[-1].site, described[0].at, end


def put_later(folder: Path, told: Iterable[tuple[str, Publication]]) -> int:
    """Put publications, each with who tells it, behind those of a finished run; how many are new.

    What is there already, word by word, is not put again.

    Raises:
        BadInput: it is no finished run's folder.
    """
    span_of_run(folder)
    tables = PublishedTables(folder)
    known: dict[type[Publication], set[tuple[str, Publication]]] = {}
    new = []
    for agent, one in told:
        family = type(one)
        if family not in known:
            known[family] = {(there.agent, there.publication) for there in tables.told(family)}
        if (agent, one) not in known[family]:
            known[family].add((agent, one))
            new.append((agent, one))
    if new:
        store = ParquetStore(folder, keep=True)
        for agent, one in new:
            store.put(agent, one)
        store.close()
    return len(new)
