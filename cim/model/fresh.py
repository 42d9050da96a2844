"""A value that knows its age: when a device told it and for how long it may be relied on."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Generic, TypeVar

from cim.model.readings import Quality

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Fresh(Generic[T]):
    """A value with its age.

    Attributes:
        value: what was told or measured.
        at: when it held, UTC, by the clock of whoever told it.
        stale_after_s: for how many seconds from `at` it may be relied on.
        told: how good it was then.
    """

    value: T
    at: datetime
    stale_after_s: float
    told: Quality = Quality.GOOD

    def quality(self, now: datetime) -> Quality:
        """How far the value can be trusted at `now`.

        What was good becomes STALE when it is older than its lifetime. It is STALE too when it is dated further ahead
        than that: a clock that is wrong must not keep a value good for ever. What was not good stays as it was told.
        """
        if self.told is Quality.GOOD and abs((now - self.at).total_seconds()) > self.stale_after_s:
            return Quality.STALE
        return self.told


def quality_of(fresh: Fresh[T] | None, now: datetime) -> Quality:
    """How far a value that may be missing can be trusted at `now`: ABSENT where there is none."""
    return Quality.ABSENT if fresh is None else fresh.quality(now)
