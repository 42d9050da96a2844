"""Which way a meter counts its power: makers differ, and installers turn meters round (models 201-204, 211-214).

Its counters say it best: what is taken from the grid grows the import register, whatever the sign of `W`.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from dataclasses import replace
from enum import StrEnum

from cim.model.readings import Kind, Quality, Reading

_SIGNED = (Kind.POWER, Kind.REACTIVE_POWER)
_GIVEN_IS_POSITIVE = ("solaredge",)  # makers whose meters count what is given to the grid as positive
_AGREED = 3  # so many times in a row the counters must say so before the sign is turned
_LEAST_WH, _LEAST_W = 5.0, 50.0  # less than this may be a counter's step or noise
_LONGEST_H = 0.5  # over a longer gap the power at its ends says nothing of what was between
_log = logging.getLogger("iles.devices.sunspec")


class Sign(StrEnum):
    """What a positive `W` means."""

    TAKEN = "taken"
    GIVEN = "given"
    FOUND = "found"  # by the maker's habit, and by the counters as soon as they tell


class MeterSign:
    """Turns a meter's power so that what is taken from the grid is positive.

    Args:
        name: of the device, for the log.
        sign: what an operator knows; `FOUND` where he does not.
    """

    def __init__(self, name: str, sign: Sign = Sign.FOUND) -> None:
        self._name, self._told = name, sign
        self._turned = sign is Sign.GIVEN
        self._against = 0
        self._before: dict[Kind, Reading] = {}

    def made_by(self, manufacturer: str) -> None:
        """Begin with its maker's habit, unless an operator said it, or the counters have."""
        if self._told is Sign.FOUND and not self._before:
            self._turned = manufacturer.strip().lower().startswith(_GIVEN_IS_POSITIVE)

    def righted(self, readings: tuple[Reading, ...]) -> tuple[Reading, ...]:
        """The readings of one instant, positive where power is taken."""
        good = {reading.kind: reading for reading in readings if reading.quality is Quality.GOOD}
        if self._told is Sign.FOUND:
            self._learn(good)
        self._before = good
        if not self._turned:
            return readings
        return tuple(replace(r, value=-r.value + 0.0) if r.kind in _SIGNED else r for r in readings)

    def _learn(self, now: dict[Kind, Reading]) -> None:
        wanted = (Kind.POWER, Kind.ENERGY_IMPORT, Kind.ENERGY_EXPORT)
        if not all(kind in now and kind in self._before for kind in wanted):
            return
        hours = (now[Kind.POWER].at - self._before[Kind.POWER].at).total_seconds() / 3600
        taken = _grown(self._before, now, Kind.ENERGY_IMPORT) - _grown(self._before, now, Kind.ENERGY_EXPORT)
        ends = [(-1 if self._turned else 1) * told[Kind.POWER].value for told in (self._before, now)]
        if not 0 < hours <= _LONGEST_H or abs(taken) < _LEAST_WH or min(map(abs, ends)) < _LEAST_W:
            return
        if ends[0] * ends[1] < 0 or not _alike(abs(taken) / hours, map(abs, ends)):
            return  # it changed between: neither sign can be told from it
        self._against = self._against + 1 if ends[0] * taken < 0 else 0
        if self._against >= _AGREED:
            self._turned, self._against = not self._turned, 0
            way = "given to" if self._turned else "taken from"
            _log.warning("%s: its counters say that its power is positive when it is %s the grid", self._name, way)


def _grown(before: dict[Kind, Reading], now: dict[Kind, Reading], kind: Kind) -> float:
    return now[kind].value - before[kind].value


def _alike(mean_w: float, ends_w: Iterable[float]) -> bool:
    """Whether a mean power fits the powers at both ends, within a factor of two."""
    return all(mean_w / 2 <= power_w <= mean_w * 2 for power_w in ends_w)
