"""A biogas CHP plant: runs by its plan, can be moved between part load and rating, ramps in whole-minute steps."""

from __future__ import annotations

import math

from environment.physics.unit import PhysicalUnit, UnitKind, next_multiple

_RAMP_STEP_S = 60.0


class Chp(PhysicalUnit):
    """Generates by plan or target.

    Args:
        rated_w: rated electric power, a magnitude.
        plan_w: what it runs at without a target, <= 0.
        min_w: least power it can run at (it is never stopped), a magnitude.
        ramp_w_per_min: how far its power moves in a minute.
    """

    kind = UnitKind.CHP

    def __init__(
        self, name: str, now_s: float, *, rated_w: float, plan_w: float, min_w: float, ramp_w_per_min: float
    ) -> None:
        super().__init__(name, now_s)
        self.rated_w, self.plan_w, self.min_w, self.ramp_w_per_min = rated_w, plan_w, min_w, ramp_w_per_min
        self._target_w: float | None = None
        self._moved_s = now_s
        self.power_w = self._goal_w

    @property
    def target_w(self) -> float | None:
        """The setpoint (<= 0); None goes back to the plan."""
        return self._target_w

    @target_w.setter
    def target_w(self, value: float | None) -> None:
        self._target_w = value

    @property
    def _goal_w(self) -> float:
        wanted = self.plan_w if self._target_w is None else self._target_w
        return min(max(wanted, -self.rated_w), -self.min_w)

    def settle(self, now_s: float) -> None:
        """Take the next step of the ramp when a whole minute begins."""
        if now_s % _RAMP_STEP_S or now_s <= self._moved_s:
            return
        self._moved_s = now_s
        way = self._goal_w - self.power_w
        self.power_w += math.copysign(min(abs(way), self.ramp_w_per_min), way)

    def until(self, now_s: float) -> float:
        """The next whole minute while the goal is not reached."""
        return math.inf if self.power_w == self._goal_w else next_multiple(now_s, _RAMP_STEP_S)
