"""The columns beside the market, in processes of their own while the market runs."""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import Future, ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context
from types import TracebackType
from typing import Self

from experiments.run.columns.column import Column, ColumnName
from experiments.run.columns.foresight.run_foresight import run_foresight
from experiments.run.columns.with_agents import run_agents
from experiments.run.columns.without_agents import run_idle
from experiments.run.settings import RunSettings
from experiments.run.workers import end_with_parent
from market.rules import Control

_PROCESSES = 2  # at most; the market has one of its own

RUNS: dict[ColumnName, Callable[[RunSettings], Column]] = {  # the longest first
    ColumnName.CURTAILMENT: partial(run_agents, control=Control.CURTAILMENT),
    ColumnName.LOCAL: partial(run_agents, control=Control.LOCAL),
    ColumnName.FORESIGHT: run_foresight,
    ColumnName.IDLE: run_idle,
}


class ColumnsBeside:
    """All columns but the market's, begun at once; leaving the context ends what still runs.

    Args:
        settings: of the run.
        names: which columns.
    """

    def __init__(self, settings: RunSettings, names: tuple[ColumnName, ...] = tuple(RUNS)) -> None:
        count = min(_PROCESSES, len(names), os.cpu_count() or 1)
        self._pool = ProcessPoolExecutor(max(count, 1), get_context("spawn"), initializer=end_with_parent)
        self._futures: dict[ColumnName, Future[Column]] = {
            name: self._pool.submit(run, settings) for name, run in RUNS.items() if name in names
        }

    def results(self) -> dict[ColumnName, Column]:
        """All of them, when they are there; what one raised is raised here."""
        return {name: future.result() for name, future in self._futures.items()}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: BaseException | TracebackType | None) -> None:
        if kind is not None:
            for process in list(self._pool._processes.values()):
                process.terminate()  # no need to wait for columns nobody will see
        self._pool.shutdown(cancel_futures=True)
