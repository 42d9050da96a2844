"""Works that the DSO's engineers declare: a point carries less meanwhile, or has no supply; told when they begin and end.

An interruption of supply is only what was declared as one, or reported as a fault. A meter that falls silent is none.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta

import numpy as np

from agents.roles.dso.config import DsoConfig
from agents.roles.dso.outside_requests import PointRoundWanted
from agents.roles.effects import Arm, Disarm, Effect, Publish, Send, Timer
from agents.roles.grid_messages import SupplyLimited
from agents.roles.identity import AgentIdentity
from agents.roles.part import Part, Recovery, on
from agents.roles.parts.filing import LedgerFiling
from agents.roles.parts.recovery import LedgerHistory
from cim.codec.codec import wire
from cim.model.arrays import Floats
from cim.model.intervals import LocalDay
from cim.platform.mailbox.requests import MAILBOX, RequestAnswered, WorksEndWanted, WorksWanted
from cim.platform.publications.grid import SupplyInterrupted, SupplyRestored, WorksDeclared

WORKS = "works"  # the kind of its record
LATEST_REPORT = timedelta(days=1)  # so long ago a fault may have begun when it is reported
LONGEST = timedelta(days=31)


@wire("dso.timer.works_begin")
@dataclass(frozen=True, slots=True)
class WorksBegin(Timer):
    """Declared works begin."""

    works: str


@wire("dso.timer.works_end")
@dataclass(frozen=True, slots=True)
class WorksEnd(Timer):
    """They are over."""

    works: str


@wire("dso.Works")
@dataclass(frozen=True, slots=True)
class Works:
    """Works as they stand: what was declared, and `declared`, `running`, `over` or `called off`."""

    declared: WorksWanted
    state: str

    @property
    def interrupts(self) -> bool:
        """Whether the point has no supply meanwhile."""
        return self.declared.carries_pct == 0

    @property
    def stands(self) -> bool:
        """Whether they are still to come, or go on."""
        return self.state in ("declared", "running")


@wire("dso.PlannedWorks")
@dataclass(slots=True)
class PlannedWorksState:
    """By the number under which they were declared."""

    works: dict[str, Works] = field(default_factory=dict)


class PlannedWorks(Part[PlannedWorksState]):
    """Accepts works or refuses them, records and tells them, and says what a point carries meanwhile."""

    def __init__(self, me: AgentIdentity, config: DsoConfig, filing: LedgerFiling) -> None:
        super().__init__(me, PlannedWorksState())
        self._config, self._filing = config, filing
        self._points = {point.identity: point for point in config.points}

    # ---- what others ask -------------------------------------------------------------------------------------------------

    def carries(self, day: LocalDay) -> dict[str, Floats]:
        """By branch of a point, the share [T] of what it may carry otherwise; only of branches at which works go on that day.

        Of a point without supply nothing is bought or sold (`interrupted`), so it counts as free here.
        """
        found: dict[str, Floats] = {}
        for works in self.state.works.values():
            inside = self._inside(works, day)
            if works.interrupts or not inside.any():
                continue
            branch = self._points[works.declared.point].branch
            share = np.where(inside, works.declared.carries_pct / 100, 1.0)
            found[branch] = np.minimum(found.get(branch, np.ones(day.count)), share)
        return found

    def interrupted(self, point: str, day: LocalDay) -> Floats:
        """[T] 1 in the ISPs in which a congestion point has no supply for some time, by works at it or above it; else 0."""
        below, found = set(self._points[point].below), np.zeros(day.count)
        for works in self.state.works.values():
            if works.interrupts and below <= set(self._points[works.declared.point].below):
                found = np.maximum(found, self._inside(works, day))
        return found

    def share_now(self, point: str, now: datetime) -> float:
        """The share of what a congestion point may carry otherwise that it may carry now."""
        found = [
            works.declared.carries_pct / 100
            for works in self.state.works.values()
            if works.stands and works.declared.point == point and not works.interrupts and self._covers(works, now)
        ]
        return min(found, default=1.0)

    def _inside(self, works: Works, day: LocalDay) -> Floats:
        """[T] 1 in the ISPs of a day in which works go on for some time."""
        found, declared = np.zeros(day.count), works.declared
        if works.stands:
            for isp in range(1, day.count + 1):
                begun = declared.begin < day.isp_start(isp + 1)
                found[isp - 1] = begun and (declared.end is None or day.isp_start(isp) < declared.end)
        return found

    def _covers(self, works: Works, now: datetime) -> bool:
        return works.declared.begin <= now and (works.declared.end is None or now < works.declared.end)

    # ---- what people declare ---------------------------------------------------------------------------------------------

    @on(WorksWanted)
    def wanted(self, message: WorksWanted, sender: str, now: datetime) -> list[Effect]:
        """Somebody declares works, or reports a fault."""
        if sender != MAILBOX:
            return []
        fault = self._fault(message, now)
        if fault is not None:
            return [Send(MAILBOX, RequestAnswered(message.number, False, fault))]
        works = Works(message, "declared")
        count, what = len(self._affected(message.point)), "the point carries less"
        if works.interrupts:
            what = "they have no supply"
        words = f"{count} connections are affected: {what} from {message.begin.isoformat()} on"
        effects: list[Effect] = [Send(MAILBOX, RequestAnswered(message.number, True, words))]
        if message.begin > now:
            effects += [*self._keep(works, now), Arm(WorksBegin(message.number), message.begin)]
        else:
            effects += self._begin(works, now)
        if message.end is not None:
            effects.append(Arm(WorksEnd(message.number), message.end))
        return effects + self._look_again(works, now)

    def _fault(self, wanted: WorksWanted, now: datetime) -> str | None:
        """Why works cannot be declared, in words, or None."""
        if wanted.point not in self._points:
            return f"point: {wanted.point}; expected one of {', '.join(sorted(self._points))}"
        if not 0 <= wanted.carries_pct < 100:
            return f"carries_pct: {wanted.carries_pct}; expected 0 (no supply) to 99"
        if wanted.planned and wanted.begin < now:
            return f"begin: {wanted.begin.isoformat()} is over; what is planned begins later than {now.isoformat()}"
        if not now - LATEST_REPORT <= wanted.begin <= now + LONGEST:
            return (
                f"begin: {wanted.begin.isoformat()}; expected within a day before and 31 days after {now.isoformat()}"
            )
        if wanted.end is None:
            return "end: null; expected an instant of planned works" if wanted.planned else None
        if not max(wanted.begin, now) < wanted.end <= wanted.begin + LONGEST:
            return f"end: {wanted.end.isoformat()}; expected later than begin and now, within 31 days"
        return None

    @on(WorksEndWanted)
    def end_wanted(self, message: WorksEndWanted, sender: str, now: datetime) -> list[Effect]:
        """They are over before their end, or called off."""
        if sender != MAILBOX:
            return []
        works = self.state.works.get(message.works)
        if works is None or not works.stands:
            fault = f"works: {message.works} are over, or were never declared"
            return [Send(MAILBOX, RequestAnswered(message.number, False, fault))]
        running = works.state == "running"
        words = f"over since {now.isoformat()}" if running else "called off"
        effects: list[Effect] = [Send(MAILBOX, RequestAnswered(message.number, True, words))]
        effects += [Disarm(WorksBegin(message.works)), Disarm(WorksEnd(message.works))]
        return effects + self._end(works, "over" if running else "called off", now)

    # ---- their time ------------------------------------------------------------------------------------------------------

    @on(WorksBegin)
    def begins(self, timer: WorksBegin, now: datetime) -> list[Effect]:
        """As declared."""
        works = self.state.works.get(timer.works)
        return [] if works is None or works.state != "declared" else self._begin(works, now)

    @on(WorksEnd)
    def ends(self, timer: WorksEnd, now: datetime) -> list[Effect]:
        """As declared."""
        works = self.state.works.get(timer.works)
        return [] if works is None or not works.stands else self._end(works, "over", now)

    def _begin(self, works: Works, now: datetime) -> list[Effect]:
        works, declared = replace(works, state="running"), works.declared
        effects = self._keep(works, now)
        if works.interrupts:
            since, affected = min(declared.begin, now), self._affected(declared.point)
            told = SupplyInterrupted(since, declared.number, declared.point, declared.planned, affected, declared.words)
            effects.append(Publish(told))
        return effects

    def _end(self, works: Works, state: str, now: datetime) -> list[Effect]:
        declared, ran = works.declared, works.state == "running"
        works = Works(replace(declared, end=now), state)
        effects = self._keep(works, now)
        if ran and works.interrupts:
            effects.append(Publish(SupplyRestored(now, declared.number, self._affected(declared.point))))
        return effects

    def _keep(self, works: Works, now: datetime) -> list[Effect]:
        """Remember, record and tell how works stand."""
        declared = works.declared
        self.state.works[declared.number] = works
        key = f"{declared.number}/{works.state}"
        told = WorksDeclared(
            now, declared.number, declared.point, declared.begin, declared.end, declared.carries_pct, declared.planned,
            works.state, self._affected(declared.point), declared.words,
        )  # fmt: skip
        filed = self._filing.file(WORKS, key, self.me.record(WORKS, key, works, now))
        return [filed, Publish(told), *(self._to_owners(works) if works.interrupts else ())]

    def _to_owners(self, works: Works) -> list[Effect]:
        """Who has no supply is told when it is foretold, when it begins, and when it is over or called off."""
        declared, pct = works.declared, 0 if works.stands else None
        return [
            Send(
                c.owner,
                SupplyLimited(declared.number, c.usage_point, declared.begin, declared.end, pct, True, declared.point),
            )
            for c in self._config.below(declared.point)
            if c.owner
        ]

    def _look_again(self, works: Works, now: datetime) -> list[Effect]:
        """Look at the point anew today: less is carried from now on than was planned with."""
        day = self.rules.day_of(now)
        ours = day.day in {one.day for one in self.rules.periods} and self.rules.flexibility
        if works.interrupts or not ours or not self._inside(works, day).any():
            return []
        return self.emit(PointRoundWanted(works.declared.point, day.day), now)

    def _affected(self, point: str) -> tuple[str, ...]:
        return tuple(sorted(c.usage_point for c in self._config.below(point)))

    # ---- remembering and forgetting --------------------------------------------------------------------------------------

    def prune(self, before: date) -> None:
        """What was over before days that are closed for good."""
        start = self.rules.day(before).start
        self.state.works = {
            number: works
            for number, works in self.state.works.items()
            if works.stands or (works.declared.end or start) >= start
        }

    def recover(self, history: LedgerHistory, now: datetime) -> Recovery:
        """As recorded: what stands goes on, and ends at its time."""
        effects: list[Effect] = []
        for works in history.of(WORKS, Works).values():
            self.state.works[works.declared.number] = works
        for number, works in self.state.works.items():
            if works.stands:
                effects.append(Arm(WorksBegin(number), max(works.declared.begin, now)))
                if works.declared.end is not None:
                    effects.append(Arm(WorksEnd(number), max(works.declared.end, now)))
        return Recovery(effects)
