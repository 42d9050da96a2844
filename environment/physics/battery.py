"""A battery with its converter: bounded in power and energy, lossy both ways.

Without a target it does what hybrid inverters do by themselves: it takes its connection's surplus and gives it back when
there is need, so it never charges from the grid and never feeds in.
"""

from __future__ import annotations

import math

from environment.physics.unit import RESOLUTION_S, SECONDS_PER_HOUR, PhysicalUnit, UnitKind


class Battery(PhysicalUnit):
    """Runs at `target_w` as long as energy and rating allow; without a target for its connection's own consumption.

    Args:
        rated_w: most power either way, watts at the connection.
        capacity_wh: usable energy.
        efficiency: of charging and of discharging, each way.
        stored_wh: energy at the start.
        rests: without a target it does nothing instead.

    Attributes:
        losses_wh: heat so far; import - export - losses = change of `stored_wh`.
        others_w: net power of all else at its connection now, told by the connection before each step.
    """

    kind = UnitKind.BATTERY

    def __init__(
        self,
        name: str,
        now_s: float,
        *,
        rated_w: float,
        capacity_wh: float,
        efficiency: float,
        stored_wh: float,
        rests: bool = False,
    ) -> None:
        super().__init__(name, now_s)
        self.rated_w, self.capacity_wh, self.efficiency = rated_w, capacity_wh, efficiency
        self.stored_wh = min(max(stored_wh, 0.0), capacity_wh)
        self.losses_wh = 0.0
        self.others_w = 0.0
        self._rests = rests
        self._target_w: float | None = None

    @property
    def soc_pct(self) -> float:
        """State of charge, percent of usable capacity."""
        return 100.0 * self.stored_wh / self.capacity_wh

    @property
    def target_w(self) -> float | None:
        """The setpoint: + charges, - discharges; None leaves it to its own rule."""
        return self._target_w

    @target_w.setter
    def target_w(self, value: float | None) -> None:
        self._target_w = value
        self.settle(self.now_s)

    def settle(self, now_s: float) -> None:
        """Follow the target, or the own rule, within rating and energy."""
        wanted = self._own_rule_w if self._target_w is None else self._target_w
        self.power_w = min(max(wanted, -self.rated_w), self.rated_w)
        if self.power_w and self.until(now_s) - now_s <= RESOLUTION_S:
            self.power_w = 0.0

    @property
    def _own_rule_w(self) -> float:
        return 0.0 if self._rests else -self.others_w

    def until(self, now_s: float) -> float:
        """When the store will be full or empty."""
        if self.power_w > 0:
            room_wh = (self.capacity_wh - self.stored_wh) / self.efficiency
        elif self.power_w < 0:
            room_wh = self.stored_wh * self.efficiency
        else:
            return math.inf
        return now_s + room_wh / abs(self.power_w) * SECONDS_PER_HOUR

    def _store(self, energy_wh: float, seconds: float) -> None:  # noqa: ARG002
        inside_wh = energy_wh * self.efficiency if energy_wh > 0 else energy_wh / self.efficiency
        self.losses_wh += energy_wh - inside_wh
        self.stored_wh = min(max(self.stored_wh + inside_wh, 0.0), self.capacity_wh)
