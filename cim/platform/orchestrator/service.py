"""The orchestrator of a living site in a thread of its own, and a run through all tasks once for those who wait for it."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path
from threading import Event, Thread

import structlog

from cim.platform.orchestrator.executor import Executor
from cim.platform.orchestrator.orchestrator import Orchestrator
from cim.platform.orchestrator.task import Task
from cim.platform.orchestrator.task_log import FAILED, TaskLog, TaskRun

_PATIENCE_S = 20.0  # for what is last

_log = structlog.get_logger(__name__)


def log_path(folder: Path) -> Path:
    """Where a data folder's orchestrator keeps its account."""
    return folder / "data" / "tasks.sqlite"


class OrchestratorService:
    """Ticks until it is stopped.

    Args:
        executor: is closed at the end.
        now: the run's own clock.
        pause_s: of the machine's time between two ticks. However fast the run's clock goes, a task is begun at most so
            often: what it missed meanwhile is made up for by one run.
        first: names of tasks to be run at the beginning, whether or not they are due; `last`: when it is stopped.
    """

    def __init__(
        self,
        folder: Path,
        tasks: Sequence[Task],
        executor: Executor,
        now: Callable[[], datetime],
        pause_s: float = 1.0,
        first: Sequence[str] = (),
        last: Sequence[str] = (),
    ) -> None:
        self._executor, self._now, self._pause_s, self._first, self._last = executor, now, pause_s, first, last
        self._log = TaskLog(log_path(folder))
        self._orchestrator = Orchestrator(tasks, executor, self._log)
        self._stopped = Event()
        self._thread = Thread(target=self._run, name="orchestrator", daemon=True)

    def start(self) -> None:
        """Go on from where the last one ended."""
        for name in self._orchestrator.recover(self._now()):
            _log.warning("task interrupted", task=name, so="it is run again")
        for name in self._first:
            self._orchestrator.request(name, self._now())
        self._thread.start()

    def stop(self) -> None:
        """Do what is last, and wait for what runs, a while; what waits then is done by the next one."""
        self._stopped.set()
        self._thread.join()
        for name in self._last:
            self._orchestrator.request(name, self._now())
        end_s = time.monotonic() + _PATIENCE_S
        while self._last and not self._orchestrator.is_idle and time.monotonic() < end_s:
            self._orchestrator.tick(self._now())
            time.sleep(0.02)
        self._orchestrator.drain(self._now())
        self._executor.close()
        self._log.close()

    def _run(self) -> None:
        trouble: sqlite3.OperationalError | None = None
        while not self._stopped.wait(self._pause_s):
            try:
                self._orchestrator.tick(self._now())
            except sqlite3.OperationalError as error:  # the disk is full: this goes on once there is room
                if trouble is None:
                    _log.warning("orchestrator", reason=f"its account takes nothing ({error})", so="tasks wait")
                trouble = error
            except Exception:  # a fault of ours: the site goes on
                _log.exception("orchestrator")
            else:
                trouble = None


def run_once(
    folder: Path,
    tasks: Sequence[Task],
    executor: Executor,
    now: datetime,
    tell: Callable[[TaskRun], None] = lambda _: None,
    progress: Callable[[str], None] = lambda _: None,
) -> list[TaskRun]:
    """Run each task once, in the order that they allow; how each ended.

    Args:
        executor: is closed at the end.
        tell: called with each run that ends.
        progress: called several times a second with what runs.

    Raises:
        BadInput: an orchestrator runs already, such as a living site's.
    """
    log = TaskLog(log_path(folder))
    try:
        orchestrator, begun, told = Orchestrator(tasks, executor, log), log.newest(), dict[str, TaskRun]()
        orchestrator.recover(now)
        for task in tasks:
            orchestrator.request(task.name, now)
        while not orchestrator.is_idle:
            orchestrator.tick(now)
            for run in log.ended_behind(begun):
                if run.task not in told:
                    told[run.task] = run
                    tell(run)
            progress(", ".join(run.task for run in log.running()))
            time.sleep(0.02)
        return list(told.values())
    finally:
        executor.close()
        log.close()


def failures(runs: Sequence[TaskRun]) -> list[str]:
    """What went wrong, in a sentence each."""
    return [f"{run.task}: {run.said}" for run in runs if run.state == FAILED]
