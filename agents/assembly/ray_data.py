"""Batch jobs on Ray Data: the port of `cim.platform.batches` filled, for a folder on one node and for a store on all."""

from __future__ import annotations

import logging
import pickle
from collections.abc import Callable, Sequence
from typing import Any, TypeVar, cast

import ray.data

from agents.runtime.ray.calls import on_this_node
from cim.platform.readings.errors import NotStored

R = TypeVar("R")
_MEGABYTE = 1_000_000


class RayDataBatches:
    """A row for each job, mapped by Ray Data as Ray has cores and memory for it. Ray must run.

    Args:
        shared: every node reaches what the jobs read and write (an S3-compatible store), so each may work them; otherwise
            this node, where the folder is, works all.
        memory_mb: that a job may need; it is counted, so that no more of them run at once than fit.
    """

    def __init__(self, shared: bool, memory_mb: int = 1000) -> None:
        self._shared, self._memory_mb = shared, memory_mb

    def run(self, jobs: Sequence[Callable[[], R]]) -> list[R]:
        """See `Batches`.

        Raises:
            NotStored: Ray lost the jobs, and several tries more; what they wrote no step has named.
        """
        if not jobs:
            return []
        logging.getLogger("ray.data").setLevel(logging.ERROR)
        ray.data.DataContext.get_current().enable_progress_bars = False
        rows = [{"number": number, "job": pickle.dumps(job)} for number, job in enumerate(jobs)]
        where: dict[str, Any] = {} if self._shared else {"scheduling_strategy": on_this_node()}
        dataset = ray.data.from_items(rows, override_num_blocks=len(rows))
        try:
            found = dataset.map(_worked, num_cpus=1, memory=self._memory_mb * _MEGABYTE, **where).take_all()
        except ray.exceptions.RayError as error:
            raise NotStored(f"batch: Ray could not work it off ({str(error).splitlines()[0]}); try again") from None
        found.sort(key=lambda row: int(row["number"]))
        results: list[R] = []
        for row in found:
            result, fault = pickle.loads(row["result"])  # noqa: S301 - our own workers made it, on a cluster with our token
            if fault is not None:
                raise fault
            results.append(result)
        return results


def _worked(row: dict[str, object]) -> dict[str, object]:
    """What a job returned or raised, as bytes: Ray Data would wrap what is raised, and try it again."""
    job: Callable[[], object] = pickle.loads(cast("bytes", row["job"]))  # noqa: S301 - as above
    try:
        result, fault = job(), None
    except Exception as error:
        result, fault = None, error
    return {"number": row["number"], "result": pickle.dumps((result, fault))}
