"""The orchestrator: queues tasks that are due, starts those that fit, sees how they end, and has what failed tried again."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from cim.model.errors import BadInput, IlesError
from cim.platform.ingestion.schedule import next_due, retry_at
from cim.platform.orchestrator.executor import Executor, Running
from cim.platform.orchestrator.task import Task, check_tasks
from cim.platform.orchestrator.task_log import TaskLog, TaskRun, TaskState

_MOST_ATTEMPTS = 3  # of a run that the orchestrator did not outlive; then it counts as failed
_LONGEST_PAUSE = timedelta(hours=2)  # longer than any between two tries: a clock was put back


@dataclass(slots=True)
class _Started:
    task: Task
    run: TaskRun
    running: Running
    deadline_s: float
    late: bool = False


class Orchestrator:
    """Runs tasks on the run's own clock; what it knows stands in the log, so that the next one goes on from there.

    Args:
        executor: where they run; the caller closes it, after `drain`.
        seconds: the machine's clock, for time-outs.

    Raises:
        BadInput: tasks that could never run; see `check_tasks`.
    """

    def __init__(
        self, tasks: Sequence[Task], executor: Executor, log: TaskLog, seconds: Callable[[], float] = time.monotonic
    ) -> None:
        check_tasks(tasks, executor.cores, executor.memory_mb)
        self._tasks: Mapping[str, Task] = {task.name: task for task in tasks}
        self._executor, self._log, self._seconds = executor, log, seconds
        self._started: list[_Started] = []

    def recover(self, now: datetime) -> list[str]:
        """Take over from an orchestrator that ended: what it ran is queued again. To be called first; names of the tasks.

        A run that three orchestrators in a row did not outlive counts as failed, so that it is tried less and less often.
        """
        self._log.know(self._tasks, now)
        found = self._log.running()
        for run in found:
            self._log.interrupted(run, now)
            if run.task not in self._tasks:
                continue
            if run.attempt < _MOST_ATTEMPTS:
                self._log.queue(run.task, now, run.attempt + 1)
            else:
                failures = self._states()[run.task].failures + 1
                told = f"the orchestrator ended {run.attempt} times while it ran"
                self._log.failed(run, now, told, failures, retry_at(failures, now))
        return [run.task for run in found]

    def request(self, name: str, now: datetime) -> None:
        """Have a task run as soon as it can, also where it is not due; without effect where it waits already.

        Raises:
            BadInput: there is no such task.
        """
        if name not in self._tasks:
            raise BadInput(f"task {name!r} is not known; there are {', '.join(self._tasks)}")
        if name not in {run.task for run in self._log.waiting()}:
            self._log.queue(name, now)

    def tick(self, now: datetime) -> None:
        """See what has ended, queue what is due, start what fits. Of times that were missed only one is made up for."""
        self._collect(now)
        busy = {one.task.name for one in self._started} | {run.task for run in self._log.waiting()}
        states = self._states()
        for task in self._tasks.values():
            if task.name not in busy and self._is_due(task, states, now):
                self._log.queue(task.name, now)
        self._start(now)

    @property
    def is_idle(self) -> bool:
        """Whether nothing runs, and nothing waits."""
        return not self._started and not self._log.waiting()

    def drain(self, now: datetime, patience_s: float = 10.0) -> None:
        """Start no more, and wait for what runs, but not for ever; what waits or still runs is the next one's to do."""
        end_s = self._seconds() + patience_s
        while self._started and self._seconds() < end_s:
            self._collect(now)
            time.sleep(0.01)

    def _states(self) -> dict[str, TaskState]:
        return {state.name: state for state in self._log.states()}

    def _is_due(self, task: Task, states: Mapping[str, TaskState], now: datetime) -> bool:
        state = states[task.name]
        if state.retry_at is not None:
            return state.retry_at <= now or state.retry_at - now > _LONGEST_PAUSE
        if any(states[name].last_good > state.seen for name in task.after):
            return True
        if not task.schedule:
            return False
        if state.counted_from > now:
            self._log.count_from(task.name, now)
            return False
        return next_due(task.schedule, task.zone, state.counted_from) <= now

    def _collect(self, now: datetime) -> None:
        for one in list(self._started):
            if one.running.ended():
                if not one.late:
                    self._see(one, now)
                self._started.remove(one)  # not before: where the log's disk is full, its end is seen again
            elif not one.late and self._seconds() >= one.deadline_s:
                self._fail(one.run, now, f"it took longer than {one.task.timeout_s:g} s and was stopped")
                one.late = True
                one.running.stop()

    def _see(self, one: _Started, now: datetime) -> None:
        try:
            said = one.running.result()
        except IlesError as error:
            self._fail(one.run, now, str(error))
        except Exception as error:  # a fault of ours in one task is no reason for the others to stand still
            self._fail(one.run, now, f"{type(error).__name__}: {error}")
        else:
            self._log.done(one.run, now, said)

    def _fail(self, run: TaskRun, now: datetime, error: str) -> None:
        failures = self._states()[run.task].failures + 1
        self._log.failed(run, now, error, failures, retry_at(failures, now))

    def _start(self, now: datetime) -> None:
        """In the queue's order: who does not fit is not overtaken by who needs the same."""
        waiting = [run for run in self._log.waiting() if run.task in self._tasks]
        held = {table for one in self._started for table in one.task.writes}
        busy = {one.task.name for one in self._started}
        queued = {run.task: run.number for run in waiting}
        states = self._states()
        cores = self._executor.cores - sum(one.task.cores for one in self._started)
        memory_mb = self._executor.memory_mb - sum(one.task.memory_mb for one in self._started)
        for run in waiting:
            task, seen = self._tasks[run.task], states[run.task].seen
            # One that went well since is not waited for when it is queued again, which may be so for ever.
            if any(name in busy or (name in queued and states[name].last_good <= seen) for name in task.after):
                continue
            if held.intersection(task.writes) or task.name in busy:
                held.update(task.writes)
                continue
            if task.cores > cores or task.memory_mb > memory_mb:
                return
            held.update(task.writes)
            cores, memory_mb = cores - task.cores, memory_mb - task.memory_mb
            self._log.began(run, now, min((queued[name] for name in task.after if name in queued), default=None))
            try:
                running = self._executor.start(task, now)
            except Exception as error:  # where tasks run is away: it may be back later
                self._fail(run, now, f"not started ({type(error).__name__}: {error})")
                continue
            self._started.append(_Started(task, run, running, self._seconds() + task.timeout_s))
