"""The data platform's tasks on Ray: the executor port filled with Ray tasks, each in a worker process that can be ended."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

import ray

from agents.runtime.ray.calls import answers_now, on_this_node
from cim.platform.orchestrator.executor import Running
from cim.platform.orchestrator.task import Task, Work

if TYPE_CHECKING:
    from ray import ObjectRef

_MEGABYTE = 1_000_000


@ray.remote(max_retries=0)  # tries are the orchestrator's to count
def _worked(work: Work, now: datetime) -> str:
    return work(now)


class RayExecutor:
    """Ray tasks on this node, where the data folder is; Ray must run.

    Args:
        cores, memory_mb: what tasks may use together; Ray counts them among what else it runs.
    """

    def __init__(self, cores: float = 1.0, memory_mb: int = 1000) -> None:
        self._cores, self._memory_mb = cores, memory_mb
        self._started: list[_OnRay] = []

    @property
    def cores(self) -> float:
        """How many it offers."""
        return self._cores

    @property
    def memory_mb(self) -> int:
        """How much it offers."""
        return self._memory_mb

    def start(self, task: Task, now: datetime) -> Running:
        """Submit a task's work."""
        options = _worked.options(
            name=f"data-{task.name}",
            num_cpus=task.cores,
            memory=task.memory_mb * _MEGABYTE,
            scheduling_strategy=on_this_node(),
        )
        running = _OnRay(options.remote(task.work, now))
        self._started = [one for one in self._started if not one.ended()] + [running]
        return running

    def close(self) -> None:
        """End what still runs: it is done again by the next one."""
        for one in self._started:
            if not one.ended():
                one.stop()


class _OnRay:
    def __init__(self, ref: ObjectRef[str]) -> None:
        self._ref = ref

    def ended(self) -> bool:
        ready, _ = ray.wait([self._ref], timeout=0)
        return bool(ready)

    def result(self) -> str:
        return str(answers_now([self._ref])[0])

    def stop(self) -> None:
        ray.cancel(self._ref, force=True)
