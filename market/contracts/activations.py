"""When a contract may be activated: its days and hours, how often, how long, and the recovery in between."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

from cim.codec.codec import wire
from cim.model.intervals import LocalDay
from market.contracts.contract import CountedPer, FlexContract


@wire("market.Activation")
@dataclass(frozen=True, slots=True)
class Activation:
    """One uninterrupted use of a contract, from `start` to `end` (excluded), UTC."""

    start: datetime
    end: datetime


@dataclass(frozen=True, slots=True)
class Activations:
    """What `contract` allows on top of what has been activated before."""

    contract: FlexContract

    def runs(self, isps: Sequence[datetime]) -> tuple[Activation, ...]:
        """ISPs (their starts, UTC, any order) joined into uninterrupted activations."""
        found: list[Activation] = []
        for start in sorted(set(isps)):
            end = start + self.contract.isp
            if found and found[-1].end == start:
                found[-1] = Activation(found[-1].start, end)
            else:
                found.append(Activation(start, end))
        return tuple(found)

    def allowed(self, history: Sequence[Activation], isps: Sequence[datetime]) -> str | None:
        """None when the contract may be activated in `isps` (starts, UTC) besides `history`, else the reason why not.

        An activation that touches an earlier one prolongs it and counts as one with it.
        """
        for start in sorted(set(isps)):
            reason = self._outside(start)
            if reason:
                return reason
        earlier = [run.start + k * self.contract.isp for run in history for k in range(self._length(run))]
        runs = self.runs([*earlier, *isps])
        return self._too_long(runs) or self._too_close(runs) or self._too_often(runs)

    def isps_on(self, day: LocalDay) -> frozenset[int]:
        """The ISPs (1-based) of a day that lie in its days and hours."""
        isps = range(1, day.count + 1)
        return frozenset(isp for isp in isps if self._outside(day.isp_start(isp)) is None)

    def _local(self, instant: datetime) -> datetime:
        return instant.astimezone(ZoneInfo(self.contract.timezone))

    def _outside(self, start: datetime) -> str | None:
        contract, local = self.contract, self._local(start)
        if not contract.start_date <= local.date() <= contract.end_date:
            return f"date: {local.date()} is outside {contract.start_date}..{contract.end_date}"
        if local.isoweekday() not in contract.days_of_week:
            return f"day of week: {local:%A} {local.date()} is not covered"
        minute = local.hour * 60 + local.minute
        if not contract.start_minute <= minute < contract.end_minute:
            return (
                f"hours of day: {local:%H:%M} is outside {_clock(contract.start_minute)}..{_clock(contract.end_minute)}"
            )
        if minute % contract.isp_minutes or local.second or local.microsecond:
            return f"ISP: {local:%H:%M:%S} is not the start of an ISP of {contract.isp_minutes} minutes"
        return None

    def _length(self, run: Activation) -> int:
        return round((run.end - run.start) / self.contract.isp)

    def _too_long(self, runs: Sequence[Activation]) -> str | None:
        limit = self.contract.max_runtime_isps
        for run in runs:
            if self._length(run) > limit:
                return (
                    f"runtime: {self._length(run)} ISPs from {self._local(run.start):%Y-%m-%d %H:%M}; at most {limit}"
                )
        return None

    def _too_close(self, runs: Sequence[Activation]) -> str | None:
        for before, after in pairwise(runs):
            rest: timedelta = after.start - before.end
            if rest < self.contract.recovery_isps * self.contract.isp:
                gap = round(rest / self.contract.isp)
                start = f"{self._local(after.start):%Y-%m-%d %H:%M}"
                return f"recovery: {gap} ISPs before {start}; at least {self.contract.recovery_isps}"
        return None

    def _too_often(self, runs: Sequence[Activation]) -> str | None:
        limit, counts = self.contract.max_activations, dict[date | None, int]()
        for run in runs:
            day = self._local(run.start).date() if self.contract.counted_per is CountedPer.DAY else None
            counts[day] = counts.get(day, 0) + 1
            if counts[day] > limit:
                return f"activations: {counts[day]} {f'on {day}' if day else 'in the term'}; at most {limit}"
        return None


def _clock(minute: int) -> str:
    return f"{minute // 60:02d}:{minute % 60:02d}"
