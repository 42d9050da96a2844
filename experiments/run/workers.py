"""Processes that run beside a command, and end with it even when it is killed; files that are whole or not there."""

from __future__ import annotations

import os
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from multiprocessing import get_context, parent_process
from multiprocessing.process import BaseProcess
from pathlib import Path
from threading import Thread


@contextmanager
def pool_of(processes: int) -> Iterator[ProcessPoolExecutor]:
    """So many processes, each begun anew; what goes wrong or is stopped here ends them at once, whatever they are doing."""
    with ProcessPoolExecutor(processes, get_context("spawn"), initializer=end_with_parent) as pool:
        try:
            yield pool
        except BaseException:
            for process in list(pool._processes.values()):
                process.terminate()
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def write_whole(path: Path, text: str) -> None:
    """Write a file whole or not at all: who is killed meanwhile leaves the one from before."""
    draft = path.with_name(f"{path.name}.part")
    draft.write_text(text, encoding="utf-8")
    os.replace(draft, path)


def end_with_parent() -> None:
    """To be called first in a process of a pool: it ends as soon as its parent is gone, whatever it is doing.

    Else it would work off what it was given already, and then wait for ever for more.
    """
    parent = parent_process()
    if parent is not None:
        Thread(target=_end_after, args=(parent,), name="parent", daemon=True).start()


def _end_after(parent: BaseProcess) -> None:
    parent.join()
    os._exit(1)
