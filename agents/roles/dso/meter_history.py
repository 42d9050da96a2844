"""What the DSO's meters showed on the last days: how a connection's power is usually shared out over a day."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

import numpy as np

from agents.planning.forecast.like_day import fit, like_day, with_day
from agents.roles.dso.config import DsoConfig
from agents.roles.effects import Effect
from agents.roles.identity import AgentIdentity
from agents.roles.part import Part, Recovery, on
from agents.roles.parts.meter_data import MeterData
from agents.roles.parts.recovery import LedgerHistory
from agents.roles.parts.settlement_as_buyer import DaySettled
from cim.codec.codec import wire
from cim.model.arrays import Floats
from market.settlement.day import REACTIVE, lost_isps
from market.uftp import Metering


@wire("dso.MeterHistory")
@dataclass(slots=True)
class MeterHistoryState:
    """By usage point, the metered days, oldest first, [T] kW each, and [T] kvar."""

    history_kw: dict[str, tuple[Floats, ...]] = field(default_factory=dict)
    history_kvar: dict[str, tuple[Floats, ...]] = field(default_factory=dict)


class MeterHistory(Part[MeterHistoryState]):
    """Takes a settled day's meterings into the history."""

    def __init__(self, me: AgentIdentity, config: DsoConfig, meters: MeterData) -> None:
        active = {c.usage_point: c.history_kw for c in config.connections}
        super().__init__(me, MeterHistoryState(active, {c.usage_point: c.history_kvar for c in config.connections}))
        self._meters = meters
        self._known: dict[tuple[str, tuple[str, ...], int], Floats] = {}  # answers, until the history changes

    def usual_kw(self, usage_point: str, count: int) -> Floats:
        """[count] kW of a connection on a usual day."""
        return self._once("kW", (usage_point,), count, lambda: like_day(self.state.history_kw[usage_point], count))

    def usual_kvar(self, usage_point: str, count: int) -> Floats:
        """[count] kvar of a connection on a usual day; 0 where its meter never showed any."""
        return self._once("kvar", (usage_point,), count, lambda: like_day(self.state.history_kvar[usage_point], count))

    def days_kw(self, usage_point: str) -> tuple[Floats, ...]:
        """The metered days of a connection, oldest first, each [T] kW."""
        return self.state.history_kw[usage_point]

    def most_w(self, usage_points: Sequence[str], count: int) -> Floats:
        """[count] the most that some connections together showed at a time of day on the last days, a magnitude in watts."""
        return self._once("most", tuple(usage_points), count, lambda: self._most_w(usage_points, count))

    def _once(self, what: str, usage_points: tuple[str, ...], count: int, make: Callable[[], Floats]) -> Floats:
        """What follows from the history is worked out once for all points and rounds that ask; read-only."""
        found = self._known.get((what, usage_points, count))
        if found is None:
            found = self._known[what, usage_points, count] = make()
            found.flags.writeable = False
        return found

    def restored(self) -> None:
        """Another history has other answers."""
        self._known = {}

    def _most_w(self, usage_points: Sequence[str], count: int) -> Floats:
        days = [self.days_kw(usage_point) for usage_point in usage_points]
        known = min((len(rows) for rows in days), default=0)
        if not known:
            return np.zeros(count)
        sums = [np.sum([fit(rows[-back], count) for rows in days], axis=0) for back in range(1, known + 1)]
        most: Floats = np.max(np.abs(sums), axis=0) * 1000
        return most

    @on(DaySettled)
    def day_settled(self, event: DaySettled, now: datetime) -> list[Effect]:
        """The day's meters become history for the next analyses."""
        for metering in self._meters.on_day(event.period):
            self._add(metering)
        return []

    def _add(self, metering: Metering) -> None:
        """A connection's day counts, if its meter saw all of it."""
        self._known = {}
        profile, history = metering.profile("Power"), self.state.history_kw
        if profile is not None and metering.ean in history and not lost_isps([metering]):
            day_kw = np.array(profile.values, dtype=np.float64) / 1000
            history[metering.ean] = with_day(history[metering.ean], day_kw)
            reactive = metering.profile(REACTIVE)
            if reactive is not None:
                day_kvar = np.array(reactive.values, dtype=np.float64) / 1000
                self.state.history_kvar[metering.ean] = with_day(self.state.history_kvar[metering.ean], day_kvar)

    def recover(self, history: LedgerHistory, now: datetime) -> Recovery:
        """Days that were settled are history."""
        for period in sorted({key.period for key in self._meters.state.metering}):
            if self._meters.is_closed(period):
                self.day_settled(DaySettled(period), now)
        return Recovery()
