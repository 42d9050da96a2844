"""What `iles data status`, `maintain` and `keep` show of a folder, and on which clock they work."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Group, RenderableType
from rich.table import Table

from cim.platform.documents.kinds import Kind
from cim.platform.documents.store import DocumentStore
from cim.platform.orchestrator.status import DataStatus, ModuleStatus
from cim.platform.orchestrator.task_log import DONE, TaskRun
from cim.platform.readings.storage import readings_place
from cim.platform.site_data import documents_path


def clock_of(folder: Path) -> datetime:
    """The instant at which a folder's run or site stands: its newest reading or document; of a folder of sources alone, now.

    A finished run's nights are in its own time: by the machine's clock all its readings could be too old to keep.
    """
    from cim.platform.readings.snapshot import LiveFiles

    now = datetime.now(UTC)
    if not documents_path(folder).exists():
        return now
    documents = DocumentStore(documents_path(folder), read_only=True)
    try:
        told = [one.note.at for kind in Kind for one in documents.all(kind)]
        is_site = documents.get(Kind.CONFIGURATION, "site") is not None
    finally:
        documents.close()
    if not is_site:
        return now
    place = readings_place(folder)
    if place.exists():
        with LiveFiles(place).read() as files:
            told += [] if files.end is None else [files.end]
    return max(told)


def shown(status: DataStatus) -> RenderableType:
    """As tables and sentences."""
    parts: list[RenderableType] = [_modules(status.modules)] if status.modules else [_without_modules(status)]
    if status.queue:
        parts.append(f"queue: {', '.join(status.queue)}")
    parts.append(_sizes(status))
    if status.sources:
        parts.append(_sources(status))
    held = [f"{one.source} {one.records} records, {one.deliveries} deliveries" for one in status.quarantine]
    parts.append(f"quarantine: {'; '.join(held) or 'empty'}")
    parts += [f"  the last of {one.source}: {one.reason}" for one in status.quarantine]
    parts += [f"{what}: {told}" for what, told in (("topics", status.topics), ("disk", status.disk)) if told]
    parts.append("search index: " + ("none" if status.index_made is None else f"written {_ago(status.index_made)} ago"))
    return Group(*parts)


def line_of(run: TaskRun) -> str:
    """How a task ended."""
    return f"{run.task}: {run.said}" if run.state == DONE else f"{run.task}: {run.state}: {run.said}"


def _without_modules(status: DataStatus) -> str:
    if status.sources:
        return "`iles data run` asks the sources; upkeep (`iles data maintain`) has not run here"
    return "upkeep (`iles data maintain`) has not run here"


def _modules(modules: Sequence[ModuleStatus]) -> Table:
    table = Table("module", "state", "good runs", "last good (UTC)", "said", "last error", "tried again (UTC)")
    for one in modules:
        failed = f"{one.error} ({one.failures} in a row)" if one.failures else ""
        table.add_row(one.name, one.state, str(one.good), _at(one.good_at), one.said, failed, _at(one.retry_at))
    return table


def _sizes(status: DataStatus) -> Table:
    table = Table("table", "rows", "MB", "files", "of them to be sorted")
    for one in status.tables:
        table.add_row(one.name, f"{one.rows:,}", f"{one.bytes / 1e6:.1f}", str(one.files), str(one.uncompacted))
    return table


def _sources(status: DataStatus) -> Table:
    table = Table("source", "state", "readings", "deliveries waiting", "last error")
    for one in status.sources:
        table.add_row(one.name, one.state, f"{one.readings:,}", str(one.waiting), one.error)
    return table


def _at(at: datetime | None) -> str:
    return "" if at is None else f"{at:%Y-%m-%d %H:%M:%S}"


def _ago(at: datetime) -> str:
    seconds = max(0, round((datetime.now(UTC) - at).total_seconds()))
    for unit, size in (("days", 86_400), ("hours", 3600), ("minutes", 60)):
        if seconds >= 2 * size:
            return f"{seconds // size} {unit}"
    return f"{seconds} seconds"
