"""A heat pump and the rooms it heats: one thermal mass around the household's measured-like heat demand.

The profile is the electric power that holds the set temperature, so only the deviation from it needs a model:
C dT/dt = COP (P - P_profile(t)) - (T - T_set) / R, solved exactly while P and the profile stay constant.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from environment.physics.unit import QUARTER_S, SECONDS_PER_HOUR, PhysicalUnit, Series, UnitKind, next_multiple

_THERMOSTAT_S = 300.0  # how often the thermostat looks
_EDGE_K = 1e-6  # a temperature this close to the band's edge is at the edge


@dataclass(frozen=True, slots=True)
class Room:
    """The thermal side of a heat pump.

    Attributes:
        capacity_wh_per_k: heat capacity C.
        loss_w_per_k: 1/R.
        cop: heat for one unit of electricity.
        set_c, level_min_c, level_max_c: set temperature and comfort band, degrees Celsius.
    """

    capacity_wh_per_k: float
    loss_w_per_k: float
    cop: float
    set_c: float
    level_min_c: float
    level_max_c: float


class HeatPumpRoom(PhysicalUnit):
    """Follows its thermostat, or a target as long as the room stays comfortable.

    When a target would push the room out of its comfort band, the thermostat takes over until a new target is given.

    Args:
        demand: electric power that holds the set temperature, per unit of `rated_w`.
        rated_w: most electric power.
        tan_phi: reactive over active power.
    """

    kind = UnitKind.HEAT_PUMP

    def __init__(self, name: str, now_s: float, *, demand: Series, rated_w: float, room: Room, tan_phi: float) -> None:
        super().__init__(name, now_s)
        self._demand = demand
        self.rated_w, self.room, self.tan_phi = rated_w, room, tan_phi
        self.temperature_c = room.set_c
        self._target_w: float | None = None
        self._guarded = False
        self._held_until_s = now_s
        self.settle(now_s)

    @property
    def target_w(self) -> float | None:
        """The setpoint in electric watts; None follows the thermostat."""
        return self._target_w

    @target_w.setter
    def target_w(self, value: float | None) -> None:
        self._target_w = value
        self._guarded = False
        self._held_until_s = self.now_s
        self.settle(self.now_s)

    @property
    def guarded(self) -> bool:
        """True while the comfort guard overrules the target."""
        return self._guarded

    @property
    def fill_rate_per_w(self) -> float:
        """Temperature rise for each electric watt, K/s."""
        return self.room.cop / (self.room.capacity_wh_per_k * SECONDS_PER_HOUR)

    def usage(self, start_s: float, count: int) -> NDArray[np.float64]:
        """What drains the room at the set temperature, K/s, for `count` quarter-hours from `start_s`."""
        demand = [self.rated_w * self._demand.at(start_s + k * QUARTER_S) for k in range(count)]
        return np.array(demand, dtype=np.float64) * self.fill_rate_per_w

    def saved_wh(self, warm_k: float, from_s: float, hours: float = 24.0) -> float:
        """How much less its thermostat draws from an instant on because the room is `warm_k` above its set temperature.

        Negative where it is colder. What is lost meanwhile is not saved, nor what no heat is needed for; the profile's end
        ends it.
        """
        room, kept = self.room, math.exp(-QUARTER_S / self._time_constant_s)
        gain, saved = 2.0 * self.rated_w / (room.level_max_c - room.level_min_c), 0.0
        left_s = self._demand.first_s + QUARTER_S * self._demand.values.size - from_s
        for k in range(int(min(hours * SECONDS_PER_HOUR, left_s) // QUARTER_S)):
            demand_w = min(self.rated_w * self._demand.at(from_s + k * QUARTER_S), self.rated_w)
            power_w = min(max(demand_w - gain * warm_k, 0.0), self.rated_w)
            saved += (demand_w - power_w) * QUARTER_S / SECONDS_PER_HOUR
            warm_k = warm_k * kept + (1 - kept) * room.cop * (power_w - demand_w) / room.loss_w_per_k
        return saved

    def settle(self, now_s: float) -> None:
        """Decide the electric power: target, or thermostat."""
        self.now_s = now_s
        demand_w = self.rated_w * self._demand.at(now_s)
        if self._target_w is not None and not self._guarded:
            self.power_w = min(max(self._target_w, 0.0), self.rated_w)
            self._guarded = self._leaves_band(self._resting_k(demand_w))
            self._held_until_s = now_s
        if (self._target_w is None or self._guarded) and now_s >= self._held_until_s:
            # A sampled controller keeps the power constant between its looks, so that energy stays a plain product.
            self._held_until_s = next_multiple(now_s, _THERMOSTAT_S)
            room = self.room
            gain = 2.0 * self.rated_w / (room.level_max_c - room.level_min_c)
            wanted = demand_w + gain * (room.set_c - self.temperature_c)
            self.power_w = min(max(wanted, 0.0), self.rated_w)
        self.reactive_var = self.tan_phi * self.power_w

    def _resting_k(self, demand_w: float) -> float:
        """The deviation from the set temperature at which the room would come to rest at the present power."""
        return self.room.cop * (self.power_w - demand_w) / self.room.loss_w_per_k

    def _leaves_band(self, resting_k: float) -> bool:
        room, rest_c = self.room, self.room.set_c + resting_k
        too_warm = self.temperature_c >= room.level_max_c - _EDGE_K and rest_c > self.temperature_c
        return too_warm or (self.temperature_c <= room.level_min_c + _EDGE_K and rest_c < self.temperature_c)

    def until(self, now_s: float) -> float:
        """The thermostat's next look, or when the target drives the room to the edge of its band."""
        if self._target_w is None or self._guarded:
            return self._held_until_s
        room = self.room
        rest_c = room.set_c + self._resting_k(self.rated_w * self._demand.at(now_s))
        edge_c = room.level_max_c if rest_c > self.temperature_c else room.level_min_c
        if rest_c == self.temperature_c or not 0 < (edge_c - rest_c) / (self.temperature_c - rest_c) < 1:
            return math.inf
        ratio = (edge_c - rest_c) / (self.temperature_c - rest_c)
        return now_s - self._time_constant_s * math.log(ratio)

    @property
    def _time_constant_s(self) -> float:
        return self.room.capacity_wh_per_k / self.room.loss_w_per_k * SECONDS_PER_HOUR

    def _store(self, energy_wh: float, seconds: float) -> None:  # noqa: ARG002
        rest_c = self.room.set_c + self._resting_k(self.rated_w * self._demand.at(self.now_s))
        self.temperature_c = rest_c + (self.temperature_c - rest_c) * math.exp(-seconds / self._time_constant_s)
