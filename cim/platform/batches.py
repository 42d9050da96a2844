"""The port of batch jobs: pieces of work that need nothing of each other, worked off wherever there is room for them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol, TypeVar

R = TypeVar("R")


class Batches(Protocol):
    """Works off jobs. A job can be pickled, opens what it needs, and may be worked twice: its second time changes nothing."""

    def run(self, jobs: Sequence[Callable[[], R]]) -> list[R]:
        """What each returned, in the jobs' order; what one of them raised, where one failed."""
        ...


class OneByOne:
    """Here, one after the other."""

    def run(self, jobs: Sequence[Callable[[], R]]) -> list[R]:
        """See `Batches`."""
        return [job() for job in jobs]
