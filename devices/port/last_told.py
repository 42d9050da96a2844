"""The last value of each kind that a device told by itself, for drivers that cannot ask for it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime

from cim.model.fresh import Fresh, quality_of
from cim.model.readings import Kind, Reading


class LastTold:
    """The newest told value of each kind of one device, each of which knows its age.

    Args:
        source: the device's name.
        stale_after_s: for how many seconds a value may be relied on.
    """

    def __init__(self, source: str, stale_after_s: float) -> None:
        self._source, self._stale_after_s = source, stale_after_s
        self._values: dict[Kind, Fresh[float]] = {}

    @property
    def values(self) -> Mapping[Kind, Fresh[float]]:
        """What was told, by kind."""
        return self._values

    def take(self, reading: Reading) -> None:
        """Keep a told reading, unless a later one of its kind is known."""
        known = self._values.get(reading.kind)
        if known is None or known.at <= reading.at:
            self._values[reading.kind] = Fresh(reading.value, reading.at, self._stale_after_s, reading.quality)

    def not_after(self, latest: datetime, at: datetime) -> None:
        """Let what was told for an instant after `latest` count as told at `at`."""
        for kind, told in self._values.items():
            if told.at > latest:
                self._values[kind] = replace(told, at=at)

    def reading(self, kind: Kind, now: datetime) -> Reading:
        """The value as good as it is at `now`; an ABSENT reading where none was told."""
        told = self._values.get(kind)
        if told is None:
            return self.absent(kind, now)
        return Reading(self._source, kind, told.value, told.at, quality_of(told, now))

    def absent(self, kind: Kind, now: datetime) -> Reading:
        """A reading that says that there is none."""
        return Reading(self._source, kind, 0.0, now, quality_of(None, now))
