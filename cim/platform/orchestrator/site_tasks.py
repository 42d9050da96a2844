"""The tasks of a run's or site's data folder. Each work opens what it needs and closes it again, in whichever process it runs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from cim.model.errors import BadInput
from cim.model.worded import what_was_expected
from cim.platform.batches import Batches
from cim.platform.documents.kinds import Kind
from cim.platform.documents.store import DocumentStore, Note
from cim.platform.ingestion.topic_task import TakeTopic
from cim.platform.orchestrator.task import Task, Work
from cim.platform.readings.queries import ReadingQueries
from cim.platform.readings.storage import readings_place
from cim.platform.readings.table import ReadingsTable, Retention
from cim.platform.site_data import SiteFacts, describe, documents_path, take_telemetry

TOPIC, TELEMETRY, DOCUMENTS, INGESTION, COMPACTION, RETENTION, INDEX = (
    "topic",
    "telemetry",
    "documents",
    "ingestion",
    "compaction",
    "retention",
    "index",
)
_READINGS, _DOCUMENTS, _INDEX = "readings", "documents", "search"  # tables, each with one writer
_SERIES_EVERY = timedelta(hours=6)


class Rule(BaseModel):
    """How many days readings are kept; of no types: all that no other rule names."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    days: int = Field(ge=1, le=36_500)
    reading_types: tuple[str, ...] | None = None


class _Rules(BaseModel):
    model_config = ConfigDict(extra="forbid")
    rules: tuple[Rule, ...] = ()


@dataclass(frozen=True, slots=True)
class TakeTelemetry:
    """The telemetry's new parts into the readings table; each once, whenever this is interrupted.

    Attributes:
        behind_topic: its readings come by their topic, too: only what the table has not is taken.
    """

    folder: Path
    site: SiteFacts
    behind_topic: bool = False

    def __call__(self, now: datetime) -> str:  # noqa: ARG002 - telemetry has its own instants
        """See `Work`."""
        place = readings_place(self.folder)
        with ReadingsTable(place) as table:
            known = ReadingQueries(place) if self.behind_topic else None
            return f"{take_telemetry(table, self.folder, self.site, known)} new readings"


@dataclass(frozen=True, slots=True)
class FileDocuments:
    """The site, what was published, and every few hours what is known of each series, as documents."""

    folder: Path
    site: SiteFacts
    series_every: timedelta = _SERIES_EVERY

    def __call__(self, now: datetime) -> str:
        """See `Work`."""
        return f"{describe(self.folder, self.site, now, self.series_every)} new versions of documents"


@dataclass(frozen=True, slots=True)
class AskSources:
    """Sources that are due, and what of their deliveries waits; a source that fails keeps its own account of it."""

    folder: Path

    def __call__(self, now: datetime) -> str:
        """See `Work`."""
        from cim.platform.ingestion.opened import manager_of

        if not (self.folder / "data" / "ingestion" / "sources.sqlite").exists():
            return "no source"
        with manager_of(self.folder) as manager:
            again = manager.handler.finish_replays()
            runs = manager.tick(now)
        taken = sum((run.taken for run in runs), again)
        failed = [run.source for run in runs if run.error]
        said = f"{len(runs)} sources asked: {taken.readings} new readings, {taken.rejects} records held"
        return f"{said}; {', '.join(failed)} failed" if failed else said


@dataclass(frozen=True, slots=True)
class Compact:
    """Appended files into sorted ones, and away with the files that nobody reads any more.

    Attributes:
        batches: works the months off; None: the process that runs the task.
    """

    folder: Path
    batches: Batches | None = None

    def __call__(self, now: datetime) -> str:  # noqa: ARG002 - what is there is compacted
        """See `Work`."""
        with ReadingsTable(readings_place(self.folder)) as table:
            moved, gone = table.compact(self.batches), table.clean_up()
        return f"{moved} rows sorted, " + ("files in use kept" if gone is None else f"{gone} files removed")


@dataclass(frozen=True, slots=True)
class Expire:
    """Readings that are older than the folder's rules allow go, with all their revisions."""

    folder: Path

    def __call__(self, now: datetime) -> str:
        """See `Work`."""
        rules = retention_rules(self.folder)
        if not rules:
            return "no rule: everything is kept"
        with ReadingsTable(readings_place(self.folder)) as table:
            gone = table.expire([Retention(rule.days, rule.reading_types) for rule in rules], now)
            table.clean_up()
        return f"{gone} readings removed by {len(rules)} rules"


def retention_rules(folder: Path) -> tuple[Rule, ...]:
    """How long a folder's readings are kept: its document `configuration retention`; none: for ever.

    Raises:
        BadInput: the document does not say it as it should.
    """
    if not documents_path(folder).exists():
        return ()
    documents = DocumentStore(documents_path(folder), read_only=True)
    try:
        found = documents.get(Kind.CONFIGURATION, RETENTION)
    finally:
        documents.close()
    if found is None or found.body is None:
        return ()
    try:
        return _Rules.model_validate(found.body.get("settings")).rules
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(str(step) for step in first["loc"])
        raise BadInput(f"retention: {place}: {what_was_expected(first)}") from None


def keep_for(folder: Path, rule: Rule, who: str, now: datetime) -> tuple[Rule, ...]:
    """Set how long readings (of these types) are kept, in place of an earlier rule for the same; all rules then."""
    others = [one for one in retention_rules(folder) if one.reading_types != rule.reading_types]
    rules = (*others, rule)
    documents = DocumentStore(documents_path(folder))
    try:
        told = _Rules(rules=rules).model_dump(mode="json")
        note = Note(who, now, "how long readings are kept")
        documents.put(Kind.CONFIGURATION, RETENTION, {"about": RETENTION, "settings": told}, note)
    finally:
        documents.close()
    return rules


def upkeep_tasks(
    folder: Path, zone: str = "UTC", index: Work | None = None, batches: Batches | None = None
) -> list[Task]:
    """Compaction, retention and the search index.

    Args:
        zone: of the schedules: nightly is at the site's night.
        index: makes the index again from the documents, where there is one to be made.
        batches: works compaction off.
    """
    tasks = [
        Task(
            COMPACTION,
            Compact(folder, batches),
            "10 * * * *",
            writes=(_READINGS,),
            memory_mb=400,
            timeout_s=1800,
            zone=zone,
        ),
        Task(RETENTION, Expire(folder), "30 3 * * *", writes=(_READINGS,), memory_mb=400, timeout_s=1800, zone=zone),
    ]
    if index is not None:
        tasks.append(Task(INDEX, index, "50 * * * *", writes=(_INDEX,), zone=zone))
    return tasks


def site_tasks(folder: Path, site: SiteFacts, index: Work, topic: TakeTopic | None = None) -> Sequence[Task]:
    """All tasks of a living site.

    Args:
        index: makes the search index again from the documents.
        topic: takes readings from their topic, five minutes behind at most; the telemetry then brings what the topic did
            without, as the broker was away too long. None: the telemetry brings all, every quarter of an hour.
    """
    zone = site.timezone
    by_topic = [] if topic is None else [Task(TOPIC, topic, "*/5 * * * *", writes=(_READINGS,), zone=zone)]
    telemetry = TakeTelemetry(folder, site, behind_topic=topic is not None)
    return (
        *by_topic,
        Task(TELEMETRY, telemetry, "1-59/15 * * * *" if by_topic else "*/15 * * * *", writes=(_READINGS,), zone=zone),
        Task(INGESTION, AskSources(folder), "* * * * *", writes=(_READINGS,), zone=zone),
        Task(DOCUMENTS, FileDocuments(folder, site), after=(TELEMETRY,), writes=(_DOCUMENTS,)),
        *upkeep_tasks(folder, zone),
        Task(INDEX, index, after=(DOCUMENTS,), writes=(_INDEX,)),
    )
