"""A task of the data platform: what is done, when, after what, and what it needs meanwhile."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from cim.model.errors import BadInput
from cim.platform.ingestion.schedule import check_schedule


class Work(Protocol):
    """What a task does. Done again after an interruption, it ends as if it had been done once."""

    def __call__(self, now: datetime) -> str:
        """Do it; what came of it, in a sentence.

        Args:
            now: on the run's own clock, UTC.
        """
        ...


@dataclass(frozen=True, slots=True)
class Task:
    """A task.

    Attributes:
        name: of the module whose state it is.
        work: may be sent to another process: a function of a module, or an instance of a frozen dataclass.
        schedule: cron words on the run's own clock; empty: only after others, or when it is asked for.
        after: names of tasks; it is due when one of them went well since, and waits while one of them runs, or is queued
            and has done nothing since.
        writes: tables that nobody else may write meanwhile: of each there is one.
        cores, memory_mb: what must be free of what the executor offers.
        timeout_s: of the machine's time; then it is stopped and counts as failed.
        zone: of the schedule.
    """

    name: str
    work: Work
    schedule: str = ""
    after: Sequence[str] = ()
    writes: Sequence[str] = ()
    cores: float = 1.0
    memory_mb: int = 200
    timeout_s: float = 600.0
    zone: str = "UTC"


def check_tasks(tasks: Sequence[Task], cores: float, memory_mb: int) -> None:
    """Refuse tasks that could never run.

    Raises:
        BadInput: two of one name, an unknown one in `after`, a circle, no schedule, or more than is offered.
    """
    known: set[str] = set()
    for task in tasks:
        if task.name in known:
            raise BadInput(f"task {task.name}: it is there twice; expected each name once")
        known.add(task.name)
        try:
            check_schedule(task.schedule or None, task.zone)
        except ValueError as error:
            raise BadInput(f"task {task.name}: {error}") from None
        if not (0 < task.cores <= cores and 0 < task.memory_mb <= memory_mb and task.timeout_s > 0):
            raise BadInput(
                f"task {task.name}: {task.cores:g} cores, {task.memory_mb} MB, {task.timeout_s:g} s; "
                f"expected more than 0, at most {cores:g} cores and {memory_mb} MB, which the executor offers"
            )
    for task in tasks:
        if unknown := sorted(set(task.after) - known):
            raise BadInput(f"task {task.name}: after {unknown[0]!r}; expected some of {', '.join(sorted(known))}")
    _refuse_circles({task.name: set(task.after) for task in tasks})


def _refuse_circles(after: dict[str, set[str]]) -> None:
    left = dict(after)
    while left:
        free = [name for name, others in left.items() if not others & left.keys()]
        if not free:
            raise BadInput(f"tasks {', '.join(sorted(left))}: each waits for another of them; expected no circle")
        for name in free:
            del left[name]
