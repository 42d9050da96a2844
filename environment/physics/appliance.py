"""An appliance that is made ready with a programme, and runs it from beginning to end."""

from __future__ import annotations

import math

from environment.physics.unit import RESOLUTION_S, PhysicalUnit, UnitKind
from environment.profiles.programmes import ApplianceUse, ProgrammeSteps


class Appliance(PhysicalUnit):
    """Begins at the scheduled instant, by itself at the latest start, or at once where it waits for nobody.

    Args:
        uses: when it is made ready, in the order of time.
        programme: what it draws each time.

    Attributes:
        use: what it was made ready for last.
        started_s, ended_s: when that programme began, and when it was done.
        done_s: how much of it has run.
    """

    kind = UnitKind.APPLIANCE

    def __init__(self, name: str, now_s: float, *, uses: tuple[ApplianceUse, ...], programme: ProgrammeSteps) -> None:
        super().__init__(name, now_s)
        # What it was made ready for before the world began is left out: nobody knows whether it ran by then.
        self._to_come = [use for use in reversed(uses) if use.ready_s >= now_s]
        self.programme = programme
        self.use: ApplianceUse | None = None
        self.started_s: float | None = None
        self.ended_s: float | None = None
        self.done_s = 0.0
        self._waits = True
        self._start_at_s: float | None = None
        self._paused = False
        self.settle(now_s)

    @property
    def waits(self) -> bool:
        """Whether a programme that is ready waits for a start until its latest; else it begins at once."""
        return self._waits

    @waits.setter
    def waits(self, value: bool) -> None:
        self._waits = value
        self.settle(self.now_s)

    @property
    def start_at_s(self) -> float | None:
        """The scheduled start of the programme that is ready; None where there is none."""
        return self._start_at_s

    @start_at_s.setter
    def start_at_s(self, value: float | None) -> None:
        self._start_at_s = value
        self.settle(self.now_s)

    @property
    def paused(self) -> bool:
        """Whether a programme that has begun stands still; only an interruptible one can, and only while there is time."""
        return self._paused

    @paused.setter
    def paused(self, value: bool) -> None:
        self._paused = value and self.running and self.programme.interruptible
        self.settle(self.now_s)

    @property
    def ready(self) -> bool:
        """Whether a programme waits to begin."""
        return self.use is not None and self.started_s is None

    @property
    def running(self) -> bool:
        """Whether a programme has begun and is not done."""
        return self.started_s is not None and self.ended_s is None

    @property
    def latest_s(self) -> float:
        """When what is left of the programme must go on at the latest."""
        return math.inf if self.use is None else self.use.latest_end_s - self.programme.duration_s + self.done_s

    def settle(self, now_s: float) -> None:
        """Make ready, begin, go on and end."""
        self.now_s = now_s
        if not self.ready and not self.running and self._to_come and self._to_come[-1].ready_s <= now_s:
            self.use = self._to_come.pop()
            self.started_s = self.ended_s = self._start_at_s = None
            self.done_s = 0.0
        if self.ready and (not self._waits or now_s >= min(self.latest_s, self._start_s)):
            self.started_s = now_s
        if self._paused and now_s >= self.latest_s:
            self._paused = False
        if self.running and self.done_s >= self.programme.duration_s - RESOLUTION_S:
            self.ended_s = now_s
        self.power_w = self.programme.at(self.done_s + RESOLUTION_S)[0] if self.running and not self._paused else 0.0

    @property
    def _start_s(self) -> float:
        return math.inf if self._start_at_s is None else self._start_at_s

    def until(self, now_s: float) -> float:
        """The end of the step that runs, the start of the programme that is ready, or the next use."""
        if self.ready:
            return min(self.latest_s, self._start_s)
        if self.running:
            edge_s = self.programme.at(self.done_s + RESOLUTION_S)[1]
            return self.latest_s if self._paused else now_s + edge_s - self.done_s
        return self._to_come[-1].ready_s if self._to_come else math.inf

    def _store(self, energy_wh: float, seconds: float) -> None:  # noqa: ARG002
        if self.running and not self._paused:
            self.done_s += seconds
