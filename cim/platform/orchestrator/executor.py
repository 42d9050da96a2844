"""The executor port: where tasks run; and its filling in threads of this process."""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor
from datetime import datetime
from typing import Protocol

from cim.platform.orchestrator.task import Task


class Running(Protocol):
    """A task that was started."""

    def ended(self) -> bool:
        """Whether it runs no more."""
        ...

    def result(self) -> str:
        """What its work returned, or raises what it raised; only once it has ended."""
        ...

    def stop(self) -> None:
        """Ask it to end; it holds what it holds until `ended`."""
        ...


class Executor(Protocol):
    """Runs tasks; which of them fit at once is the orchestrator's to say."""

    @property
    def cores(self) -> float:
        """How many it offers."""
        ...

    @property
    def memory_mb(self) -> int:
        """How much it offers."""
        ...

    def start(self, task: Task, now: datetime) -> Running:
        """Start a task's work."""
        ...

    def close(self) -> None:
        """Returns when nothing runs any more."""
        ...


class ThreadExecutor:
    """Threads of this process. A thread cannot be ended from outside: a late task keeps its resources until it ends.

    Args:
        cores, memory_mb: what tasks may use together; it is counted, not enforced.
    """

    def __init__(self, cores: float = 1.0, memory_mb: int = 1000) -> None:
        self._cores, self._memory_mb = cores, memory_mb
        self._pool = ThreadPoolExecutor(16, "data-task")

    @property
    def cores(self) -> float:
        """How many it offers."""
        return self._cores

    @property
    def memory_mb(self) -> int:
        """How much it offers."""
        return self._memory_mb

    def start(self, task: Task, now: datetime) -> Running:
        """Start a task's work in a thread."""
        return _InThread(self._pool.submit(task.work, now))

    def close(self) -> None:
        """Wait for what runs."""
        self._pool.shutdown(wait=True, cancel_futures=True)


class _InThread:
    def __init__(self, future: Future[str]) -> None:
        self._future = future

    def ended(self) -> bool:
        return self._future.done()

    def result(self) -> str:
        return self._future.result(0)

    def stop(self) -> None:
        self._future.cancel()
