"""An executor and clocks that a test moves by hand."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cim.platform.orchestrator.executor import Running
from cim.platform.orchestrator.orchestrator import Orchestrator
from cim.platform.orchestrator.task import Task
from cim.platform.orchestrator.task_log import TaskLog, TaskState

NOON = datetime(2026, 5, 20, 12, tzinfo=UTC)


def idle(now: datetime) -> str:
    """Does nothing."""
    return f"at {now:%H:%M}"


@dataclass(slots=True)
class HandRun:
    """A task that ends when the test says so."""

    task: Task
    now: datetime
    outcome: str | Exception | None = None
    stopped: bool = False

    def ended(self) -> bool:
        """Whether the test has said so."""
        return self.outcome is not None

    def result(self) -> str:
        """What the test has said."""
        if isinstance(self.outcome, Exception):
            raise self.outcome
        assert self.outcome is not None
        return self.outcome

    def stop(self) -> None:
        """Noted."""
        self.stopped = True


@dataclass(slots=True)
class HandExecutor:
    """Starts nothing."""

    cores: float = 2.0
    memory_mb: int = 1000
    runs: list[HandRun] = field(default_factory=list)
    away: bool = False

    def start(self, task: Task, now: datetime) -> Running:
        """Note it."""
        if self.away:
            raise ConnectionError("no node")
        self.runs.append(HandRun(task, now))
        return self.runs[-1]

    def close(self) -> None:
        """Nothing runs."""

    @property
    def names(self) -> list[str]:
        """Of all that was started, in order."""
        return [run.task.name for run in self.runs]


class Hand:
    """An orchestrator with its log, the run's clock and the machine's, all moved by hand."""

    def __init__(self, log: TaskLog, tasks: Sequence[Task], executor: HandExecutor) -> None:
        self.log, self.executor, self.now, self.seconds = log, executor, NOON, 0.0
        self.orchestrator = Orchestrator(tasks, executor, log, lambda: self.seconds)
        self.recovered = self.orchestrator.recover(NOON)

    def tick(self, minutes: float = 0) -> list[str]:
        """Time goes on; what was started."""
        before = len(self.executor.runs)
        self.now += timedelta(minutes=minutes)
        self.orchestrator.tick(self.now)
        return self.executor.names[before:]

    def end(self, outcome: str | Exception = "well", place: int = -1) -> None:
        """A run that was started ends."""
        self.executor.runs[place].outcome = outcome

    def state(self, name: str) -> TaskState:
        """Of a task."""
        return next(state for state in self.log.states() if state.name == name)


@contextmanager
def by_hand(folder: Path, *tasks: Task, executor: HandExecutor | None = None) -> Iterator[Hand]:
    """Over a folder's log; in another `with` over the same folder it is the next orchestrator."""
    log = TaskLog(folder / "tasks.sqlite")
    try:
        yield Hand(log, tasks, executor or HandExecutor())
    finally:
        log.close()
