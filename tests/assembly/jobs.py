"""Jobs for batches in workers, which must import them by name."""

from __future__ import annotations

import errno
from dataclasses import dataclass


@dataclass(frozen=True)
class Squared:
    """Returns a number times itself."""

    number: int

    def __call__(self) -> int:
        """See `Batches`."""
        return self.number**2


def refuses() -> int:
    """A disk without room."""
    raise OSError(errno.ENOSPC, "No space left")
