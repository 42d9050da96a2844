"""The ILES manager's part for the island: arms its units while mains are there, leads them when they are lost.

It hears every unit each control interval; when all have reported (or after a few seconds without the rest) it decides
by `agents.planning.islanding.control` and tells each unit what to do for three intervals. A unit that says nothing
is taken as it was last; a battery that says nothing as empty.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta

import numpy as np

from agents.planning.islanding.control import (
    IslandFacts,
    IslandOrders,
    IslandOutlook,
    IslandSeen,
    armed,
    decide,
    reserve_wh,
)
from agents.planning.islanding.outlook import IslandExpectations, outlook, ratios
from agents.roles.effects import Arm, Disarm, Effect, Publish, Send, Timer
from agents.roles.identity import AgentIdentity
from agents.roles.island_messages import UnitOrder, UnitReport
from agents.roles.part import Part, on
from cim.codec.codec import wire
from cim.model.arrays import Floats
from cim.model.devices import Mode, Setpoint
from cim.model.readings import Kind, Quality
from cim.platform.publications.island import IslandLed, IslandStage, IslandState

_WAITS_S = 5  # for units that have not reported
_LIVE = 3  # control intervals that an order holds
_TELLS = timedelta(minutes=15)  # while nothing changes
_ISP_MIN = 15  # of the outlook
_LIT_V = 100.0  # of a meter's voltage: below it there is none


@wire("island.Units")
@dataclass(frozen=True, slots=True)
class IslandUnits:
    """The island's units, each an agent, and what is known of it.

    Attributes:
        stages: by priority; stage_titles: what they are in words, none where nobody says.
        stage_w: what a connected stage may draw at most.
        engine: empty where there is none.
        control_s: how often is decided.
    """

    mains: str
    forming: str
    engine: str
    inverters: str
    stages: tuple[str, ...]
    stage_w: int
    facts: IslandFacts
    expected: IslandExpectations
    control_s: int
    stage_titles: tuple[str, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """All of them."""
        return tuple(name for name in (self.mains, self.forming, self.engine, self.inverters, *self.stages) if name)


@wire("iles.timer.island")
@dataclass(frozen=True, slots=True)
class DecideAnyway(Timer):
    """Some unit has not reported: decide without it."""


@wire("iles.IslandLeading")
@dataclass(slots=True)
class IslandLeadingState:
    """What it remembers of the island.

    Attributes:
        reports: the last of each unit.
        lost_at: when mains were first seen to be away; None while they are there.
        back_at: when they were first seen to be back.
        told: the last orders.
        ratios: [stages] what each stage draws of its habit.
        decided_at: so that nothing is decided twice at an instant.
        published: what was told last of the island.
    """

    reports: dict[str, UnitReport] = field(default_factory=dict)
    lost_at: datetime | None = None
    back_at: datetime | None = None
    told: IslandOrders | None = None
    ratios: Floats = field(default_factory=lambda: np.ones(0))
    decided_at: datetime | None = None
    published: IslandLed | None = None


class IslandLeading(Part[IslandLeadingState]):
    """Arms the island's units, and leads them once mains are lost."""

    def __init__(self, me: AgentIdentity, units: IslandUnits) -> None:
        super().__init__(me, IslandLeadingState(ratios=np.ones(len(units.stages))))
        self._units = units

    @on(UnitReport)
    def reported(self, message: UnitReport, sender: str, now: datetime) -> list[Effect]:
        """Keep it; decide when all units have said what they show at this instant."""
        if sender not in self._units.names:
            return [self.me.lapse("UnitReport", message.duty, sender, "no unit of the island", now)]
        self.state.reports[sender] = message
        missing = [n for n in self._units.names if n not in self.state.reports or self.state.reports[n].at < now]
        if missing:
            return [Arm(DecideAnyway(), now + timedelta(seconds=_WAITS_S))]
        return [Disarm(DecideAnyway()), *self._decide(now)]

    @on(DecideAnyway)
    def late(self, timer: DecideAnyway, now: datetime) -> list[Effect]:
        """Decide with what is known."""
        known = self.state.reports
        if self._units.mains not in known or self._units.forming not in known:
            return []
        return self._decide(now)

    def _decide(self, now: datetime) -> list[Effect]:
        state, units = self.state, self._units
        mains = self._volts(units.mains)
        if state.lost_at is None and not mains:
            state.lost_at = state.decided_at or now  # they were there when it was decided last
        if state.lost_at is not None:
            state.back_at = (state.back_at or now) if mains else None
        seen = self._seen(now)
        closed = np.array([float(on) and float(seen.lit) for on in seen.closed])
        measured = np.array([max(0.0, (self._value(name, Kind.POWER) or 0.0)) for name in units.stages])
        state.ratios = ratios(state.ratios, units.expected, now, measured, closed)
        sun_w = -(self._value(units.inverters, Kind.AVAILABLE_POWER) or 0.0)
        ahead = outlook(units.expected, now, state.lost_at or now, state.ratios, max(0.0, sun_w))
        orders = (armed if state.lost_at is None else decide)(units.facts, seen, ahead)
        if state.back_at is not None and self._value(units.mains, Kind.POWER) is not None:
            state.lost_at = state.back_at = None  # an open breaker has no power to show: it is closed again
            return self._publish(IslandState.JOINED, seen, (True,) * len(units.stages), ahead, now)
        state.told, state.decided_at = orders, now
        return [*self._tell(orders, now), *self._publish(self._standing(seen), seen, orders.closed, ahead, now)]

    def _standing(self, seen: IslandSeen) -> IslandState:
        if self.state.lost_at is None:
            return IslandState.ARMED
        if not seen.lit:
            return IslandState.DARK
        return IslandState.SEPARATED if self.state.back_at is None else IslandState.RETURNING

    def _publish(
        self, standing: IslandState, seen: IslandSeen, wanted: tuple[bool, ...], ahead: IslandOutlook, now: datetime
    ) -> list[Effect]:
        """What the island is like, where that is news."""
        state, units = self.state, self._units
        titles = units.stage_titles or ("",) * len(units.stages)
        rows = zip(units.stages, titles, seen.closed, wanted, strict=True)
        told = IslandLed(
            now,
            state=standing.value,
            lost_at=state.lost_at,
            stored_wh=round(seen.stored_wh),
            usable_wh=max(0, round(seen.stored_wh - units.facts.empty_wh)),
            reserve_wh=round(reserve_wh(units.facts, seen, ahead)),
            may_last_min=ahead.remaining_isps * _ISP_MIN,
            battery_w=round(seen.battery_w),
            engine_w=round(seen.chp_w),
            sun_w=round(seen.sun_w),
            stages=tuple(
                IslandStage(name, title, k < units.facts.promised, closed and seen.lit, want,
                            round(self._value(name, Kind.POWER) or 0.0))
                for k, (name, title, closed, want) in enumerate(rows)
            ),
        )  # fmt: skip
        last = state.published
        if last is not None and _about(last) == _about(told) and now - last.at < _TELLS:
            return []
        state.published = told
        return [Publish(told)]

    def _seen(self, now: datetime) -> IslandSeen:
        units, state = self._units, self.state
        engine_ready = bool(units.engine) and (self._value(units.engine, Kind.AVAILABLE_POWER) or 0.0) < 0
        told = state.told
        stages = tuple(self._volts(name) for name in units.stages)
        return IslandSeen(
            lit=self._volts(units.forming),
            stored_wh=(self._value(units.forming, Kind.STORED_ENERGY) or 0.0),
            battery_w=-(self._value(units.forming, Kind.POWER) or 0.0),
            chp_ready=engine_ready,
            chp_on=engine_ready and (told is None or told.chp_w > 0 or state.lost_at is None),
            chp_w=-(self._value(units.engine, Kind.POWER) or 0.0) if units.engine else 0.0,
            sun_w=-(self._value(units.inverters, Kind.POWER) or 0.0),
            closed=stages,
            mains_back_s=0.0 if state.back_at is None else (now - state.back_at).total_seconds(),
        )

    def _value(self, unit: str, kind: Kind) -> float | None:
        """The last good value of a unit; None where there is none."""
        report = self.state.reports.get(unit)
        readings = () if report is None else report.readings
        return next((r.value for r in readings if r.kind is kind and r.quality is Quality.GOOD), None)

    def _volts(self, unit: str) -> bool:
        """Whether there is voltage at a unit."""
        return (self._value(unit, Kind.VOLTAGE) or 0.0) > _LIT_V

    def _tell(self, orders: IslandOrders, now: datetime) -> list[Effect]:
        """Each unit its share of the orders."""
        units, until = self._units, now + timedelta(seconds=_LIVE * self._units.control_s)
        forming = Setpoint(Mode.START, 1) if orders.start else Setpoint(Mode.TARGET, 0) if orders.stop else None
        told: list[tuple[str, Setpoint | None]] = [
            (units.mains, Setpoint(Mode.START, 1) if orders.close else Setpoint(Mode.LIMIT, 0)),
            (units.inverters, Setpoint(Mode.LIMIT, -round(orders.sun_limit_w))),
            *(
                (name, Setpoint(Mode.LIMIT, units.stage_w * on))
                for name, on in zip(units.stages, orders.closed, strict=True)
            ),
            (units.forming, forming),
        ]
        if units.engine:
            told.append((units.engine, Setpoint(Mode.TARGET, -round(orders.chp_w))))
        return [Send(name, UnitOrder(setpoint, until)) for name, setpoint in told]


def _about(told: IslandLed) -> tuple[object, ...]:
    """What is news where it is another."""
    return told.state, told.lost_at, tuple((one.connected, one.wanted) for one in told.stages)
