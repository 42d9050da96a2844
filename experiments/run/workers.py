"""Processes that run beside a command, and end with it even when it is killed."""

from __future__ import annotations

import os
from multiprocessing import parent_process
from multiprocessing.process import BaseProcess
from threading import Thread


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
