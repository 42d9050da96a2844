"""The schedules that the elements' agents are told."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime

import numpy as np

from agents.roles.effects import Effect, Send
from agents.roles.identity import AgentIdentity
from agents.roles.messages import DeviceSchedule
from agents.roles.part import Part, Recovery, on
from agents.roles.parts.recovery import LedgerHistory
from agents.roles.prosumer.config import ProsumerConfig
from agents.roles.prosumer.day_planning import DayPlanning
from agents.roles.prosumer.grid_limits import GridLimits
from agents.roles.prosumer.supply_limits import SupplyLimits
from agents.roles.prosumer.told import DeviceBeganAnew, PlanChanged
from cim.codec.codec import wire
from cim.model.arrays import Floats
from cim.model.devices import Setpoint


@wire("prosumer.DeviceSchedules")
@dataclass(slots=True)
class DeviceSchedulesState:
    """What was told last, by element and day."""

    told: dict[str, dict[date, DeviceSchedule]] = field(default_factory=dict)


class DeviceSchedules(Part[DeviceSchedulesState]):
    """Tells each element its setpoints of a day, where they changed since it was last told."""

    def __init__(
        self,
        me: AgentIdentity,
        config: ProsumerConfig,
        planning: DayPlanning,
        limits: GridLimits,
        supply: SupplyLimits,
    ) -> None:
        super().__init__(me, DeviceSchedulesState())
        self._kinds, self._planning, self._limits, self._supply = config.kinds(), planning, limits, supply
        self._powers: dict[tuple[str, date], tuple[DeviceSchedule, Floats]] = {}  # what was told, and by which power

    @on(PlanChanged)
    def plan_changed(self, event: PlanChanged, now: datetime) -> list[Effect]:
        """They are told only what they are held to, by orders and the DSO's limits; elsewhere each runs by its own rule."""
        day, effects = event.day, list[Effect]()
        for name, kind in self._kinds.items():
            power = self._supply.steered_kw(name, day, self._planning.steered_kw(name, day))
            power = np.fmax(power, self._limits.limit_kw(name, day))  # of two limits of a plant (<= 0), the stricter
            told = self.state.told.get(name, {})
            if day.day not in told and np.isnan(power).all():
                continue
            known, same = self._powers.get((name, day.day), (None, power))
            if known is not None and known is told.get(day.day) and np.array_equal(power, same, equal_nan=True):
                continue  # what was told is the schedule of this very power
            # NaN, the only number that differs from itself, means free.
            setpoints = tuple(None if x != x else Setpoint(kind.mode, round(x * 1000)) for x in power.tolist())  # noqa: PLR0124
            schedule = DeviceSchedule(name, day.day, setpoints)
            if told.get(day.day) == schedule:
                self._powers[name, day.day] = told[day.day], power
                continue
            self._powers = {key: one for key, one in self._powers.items() if key[1] >= day.day}
            self._powers[name, day.day] = schedule, power
            self.state.told[name] = {**{k: v for k, v in told.items() if k >= day.day}, day.day: schedule}
            effects.append(Send(name, schedule))
        return effects

    @on(DeviceBeganAnew)
    def began_anew(self, event: DeviceBeganAnew, now: datetime) -> list[Effect]:
        """Tell an element again what it was told."""
        today = self.rules.day_of(now).day
        told = self.state.told.get(event.element, {})
        return [Send(event.element, schedule) for period, schedule in told.items() if period >= today]

    def prune(self, before: date) -> None:
        """Days that are closed for good."""
        for name, told in self.state.told.items():
            self.state.told[name] = {period: schedule for period, schedule in told.items() if period >= before}

    def recover(self, history: LedgerHistory, now: datetime) -> Recovery:
        """What the elements were told ends when the rest of the day is planned anew."""
        return Recovery(forgotten=("the schedules of its elements: they are planned anew",))
