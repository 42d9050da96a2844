"""A run's folder is filed when the run is over: its telemetry, documents and compaction as tasks, with their account."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

from cim.platform.orchestrator.executor import ThreadExecutor
from cim.platform.orchestrator.service import failures, run_once
from cim.platform.orchestrator.site_tasks import (
    COMPACTION,
    DOCUMENTS,
    TELEMETRY,
    Compact,
    FileDocuments,
    TakeTelemetry,
)
from cim.platform.orchestrator.task import Task
from cim.platform.readings.errors import NotStored
from cim.platform.site_data import SiteFacts

_READINGS, _DOCUMENTS = ("readings",), ("documents",)
_DAY_S = 86_400.0  # a year's run has the time


def file_run(folder: Path, site: SiteFacts, now: datetime, by_broker: bool = False) -> Sequence[str]:
    """Take in what a run's folder holds and its data folder does not yet; what each task said.

    Args:
        now: on the run's own clock, UTC: when the documents are written.
        by_broker: its readings are in the table already, by way of their topic.

    Raises:
        BadInput: an orchestrator has the folder.
        NotStored: a task failed, for example as the disk is full; what was taken in before stays.
    """
    tasks = [
        Task(COMPACTION, Compact(folder), writes=_READINGS, timeout_s=_DAY_S),
        Task(
            DOCUMENTS,
            FileDocuments(folder, site, timedelta()),
            after=(COMPACTION,),
            writes=_DOCUMENTS,
            timeout_s=_DAY_S,
        ),
    ]
    if not by_broker:
        first = Task(TELEMETRY, TakeTelemetry(folder, site), writes=_READINGS, timeout_s=_DAY_S)
        tasks = [first, replace(tasks[0], after=(TELEMETRY,)), tasks[1]]
    runs = run_once(folder, tasks, ThreadExecutor(), now)
    if wrong := failures(runs):
        raise NotStored("; ".join(wrong))
    return [run.said for run in runs]
