"""The Ray actor around a host, and the Ray task that carries out jobs. Everything crosses as wire bytes."""

from __future__ import annotations

import os
import signal
from typing import Any

import ray

from agents.runtime.host.effects import Executor
from agents.runtime.host_setup import HostSetup
from agents.runtime.imports import imported
from agents.runtime.served_host import ServedHost
from cim.codec.codec import decode, encode


@ray.remote(num_cpus=1, max_retries=3)
def run_job(wire_types: str, jobs: str, job: str, arguments: bytes) -> bytes:
    """A job in a worker of its own; pure, so that Ray may run it again. See `HostSetup` for the two paths."""
    from importlib import import_module  # Ray ships this function alone, without its module's imports

    import_module(wire_types)
    return encode(imported(jobs)(job, decode(arguments)))


def _in_workers(setup: HostSetup) -> Executor:
    async def execute(job: str, arguments: tuple[Any, ...]) -> Any:
        return decode(await run_job.remote(setup.wire_types, setup.jobs, job, encode(arguments)))

    return execute


@ray.remote(num_cpus=0, max_restarts=-1, max_task_retries=0)
class HostActor(ServedHost):
    """A host in a Ray actor; its setup comes by `configure`, so that a restarted actor can be given it again.

    The methods are plain calls: an asyncio actor costs Ray twice the time per call and a third more at the start.

    Args:
        wire_types: the module that declares which types may cross between processes.
    """

    def __init__(self, wire_types: str) -> None:
        from importlib import import_module  # Ray ships this class alone, without its module's imports

        from agents.runtime.loops import spare_collector

        import_module(wire_types)
        spare_collector()
        self._dies_at: tuple[str, int] | None = None
        super().__init__(_in_workers, self._passed)

    def die_at(self, point: str, passage: int) -> None:
        """Die by SIGKILL at a passage of a named point: as a power failure would have it, nothing is said or closed."""
        self._dies_at = point, passage

    def location(self) -> tuple[str, int]:
        """The id of the node and of the process in which this host lives."""
        return ray.get_runtime_context().get_node_id(), os.getpid()

    def _passed(self, point: str) -> None:
        if self._dies_at is None or self._dies_at[0] != point:
            return
        self._dies_at = point, self._dies_at[1] - 1
        if self._dies_at[1] == 0:
            os.kill(os.getpid(), signal.SIGKILL)
