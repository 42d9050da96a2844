"""The site's batteries as one: planned so that the site exchanges as little as it can with the mains, anew in every ISP."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta

import numpy as np

from agents.planning.forecast.like_day import corrected
from agents.planning.microgrid.own_use import SharedStore, serving_kw
from agents.roles.effects import Arm, Effect, Send, Timer
from agents.roles.identity import AgentIdentity
from agents.roles.messages import DeviceReport
from agents.roles.part import MOMENT, Part, Recovery, on
from agents.roles.parts.recovery import LedgerHistory
from agents.roles.site_use_messages import HomeOutlook, StorePlan, StoreTold
from cim.codec.codec import wire
from cim.model.arrays import Floats
from cim.model.intervals import LocalDay
from cim.model.readings import Kind, Quality

_SAME_KW = 1e-3  # plans that differ by less are the same
_HOUR = timedelta(hours=1)
_ERRORS = 24  # of the last intervals, whose mean is leant to the side of more surplus


@wire("iles.timer.site_use")
@dataclass(frozen=True, slots=True)
class PlanSiteUse(Timer):
    """All that was told at an instant of a day has been heard."""

    period: date
    foretold: bool


@wire("iles.SiteUse")
@dataclass(slots=True)
class SiteUseState:
    """What homes told, what the meter at the point of common coupling counted, and what was planned.

    Attributes:
        outlooks: by day and home.
        stored_kwh: by battery, when the last two ISPs began.
        counted_wh: taken less given at the point of common coupling, at the last two ISPs' beginnings.
        told: by day and battery, [T] the plan it was told last.
        expected_kw: by instant at which an ISP begins, what was expected of the site without its batteries in it.
        errors_kw: how far off that was, of the last ISPs.
    """

    outlooks: dict[date, dict[str, HomeOutlook]] = field(default_factory=dict)
    stored_kwh: dict[str, dict[datetime, float]] = field(default_factory=dict)
    counted_wh: dict[datetime, float] = field(default_factory=dict)
    told: dict[date, dict[str, Floats]] = field(default_factory=dict)
    expected_kw: dict[datetime, float] = field(default_factory=dict)
    errors_kw: tuple[float, ...] = ()


class SiteUse(Part[SiteUseState]):
    """Plans the batteries that serve the site.

    Args:
        meter: the agent of the meter at the point of common coupling; empty: plans go by outlooks alone.
    """

    def __init__(self, me: AgentIdentity, meter: str) -> None:
        super().__init__(me, SiteUseState())
        self._meter = meter

    @on(HomeOutlook)
    def foreseen(self, message: HomeOutlook, sender: str, now: datetime) -> list[Effect]:
        """Keep it; when all of this instant has been heard, the day is planned."""
        day = self.rules.day(message.period)
        if any(len(row) != day.count for row in (message.rest_kw, *(store.held_kw for store in message.stores))):
            return [self.me.lapse("HomeOutlook", sender, sender, f"rows of another length; expected {day.count}", now)]
        self.state.outlooks.setdefault(message.period, {})[sender] = message
        return [Arm(PlanSiteUse(message.period, foretold=True), now + MOMENT)]

    @on(StoreTold)
    def told(self, message: StoreTold, sender: str, now: datetime) -> list[Effect]:
        """What a battery holds as an ISP begins: the rest of the day is planned anew from there."""
        known = self.state.stored_kwh.get(message.element, {})
        if known and message.at <= max(known):
            return []
        last = {at: kwh for at, kwh in known.items() if at == max(known)}
        self.state.stored_kwh[message.element] = last | {message.at: message.stored_kwh}
        return [Arm(PlanSiteUse(self.rules.day_of(message.at).day, foretold=False), now + MOMENT)]

    @on(DeviceReport)
    def metered(self, message: DeviceReport, sender: str, now: datetime) -> list[Effect]:
        """The counters at the point of common coupling as an ISP begins."""
        day = self.rules.day_of(message.at)
        if sender != self._meter or message.at != day.isp_start(day.isp_of(message.at)):
            return []
        shown = {r.kind: r.value for r in message.readings if r.quality is Quality.GOOD}
        if {Kind.ENERGY_IMPORT, Kind.ENERGY_EXPORT} <= set(shown):
            last = {at: wh for at, wh in self.state.counted_wh.items() if at == max(self.state.counted_wh)}
            self.state.counted_wh = last | {message.at: shown[Kind.ENERGY_IMPORT] - shown[Kind.ENERGY_EXPORT]}
        return []

    @on(PlanSiteUse)
    def plan(self, timer: PlanSiteUse, now: datetime) -> list[Effect]:
        """Each battery whose plan is another is told."""
        day, outlooks = self.rules.day(timer.period), self.state.outlooks.get(timer.period, {})
        first = 1 if now < day.start else day.isp_of(now) if now < day.end else day.count + 1
        if first > day.count or not outlooks:
            return []
        stores = [
            (home, store if timer.foretold else self._now(store, day, now))
            for home, one in sorted(outlooks.items())
            for store in one.stores
        ]
        rest_kw = np.sum([one.rest_kw for one in outlooks.values()], axis=0)
        metered_kw = self._metered_rest_kw(day.isp_start(first), [store for _, store in stores])
        if first > 1 and metered_kw is not None:
            rest_kw = corrected(rest_kw, metered_kw, first)
        rest_kw = self._leant(rest_kw, day, first, metered_kw, now)
        left_h = min((day.isp_start(first + 1) - now) / _HOUR, self.rules.hours)
        powers = serving_kw(rest_kw, [store for _, store in stores], first, left_h, self.rules.hours)
        effects = list[Effect]()
        told = self.state.told.setdefault(day.day, {})
        for (home, store), power_kw in zip(stores, powers, strict=True):
            before = told.get(store.element)
            if before is not None:
                power_kw[: first - 1] = before[: first - 1]
                if np.abs(power_kw - before).max() < _SAME_KW:
                    continue
            told[store.element] = power_kw
            effects.append(Send(home, StorePlan(store.element, day.day, power_kw, timer.foretold)))
        return effects

    def _leant(self, rest_kw: Floats, day: LocalDay, first: int, metered_kw: float | None, now: datetime) -> Floats:
        """The same with more surplus in the running ISP by what such forecasts were off lately.

        What batteries give too much is lost to the mains, and what they give too little they keep.
        """
        if now < day.start:
            return rest_kw
        begins, before = day.isp_start(first), day.isp_start(first) - timedelta(hours=self.rules.hours)
        expected = self.state.expected_kw.pop(before, None)
        if expected is not None and metered_kw is not None:
            self.state.errors_kw = (*self.state.errors_kw, abs(metered_kw - expected))[-_ERRORS:]
        self.state.expected_kw = {begins: float(rest_kw[first - 1])}
        leant = np.array(rest_kw)
        leant[first - 1] -= float(np.mean(self.state.errors_kw)) if self.state.errors_kw else 0.0
        return leant

    def _now(self, store: SharedStore, day: LocalDay, now: datetime) -> SharedStore:
        """The battery with what it told last of its energy, where that is of the day's running ISP."""
        known = self.state.stored_kwh.get(store.element, {})
        if not known or not day.start <= max(known) <= now < day.end:
            return store
        if max(known) < day.isp_start(day.isp_of(now)):
            return store
        return replace(store, stored_kwh=known[max(known)])

    def _metered_rest_kw(self, begins: datetime, stores: list[SharedStore]) -> float | None:
        """What the site drew without these batteries in the ISP that ended at `begins`; None where that was not told."""
        before = begins - timedelta(hours=self.rules.hours)
        if not {before, begins} <= set(self.state.counted_wh):
            return None
        net_kw = (self.state.counted_wh[begins] - self.state.counted_wh[before]) / 1000 / self.rules.hours
        for store in stores:
            known = self.state.stored_kwh.get(store.element, {})
            if not {before, begins} <= set(known):
                return None
            gained = (known[begins] - known[before]) / self.rules.hours
            net_kw -= gained / store.efficiency if gained > 0 else gained * store.efficiency
        return float(net_kw)

    def prune(self, before: date) -> None:
        """Days that are closed for good."""
        for kept in (self.state.outlooks, self.state.told):
            for period in [period for period in kept if period < before]:
                del kept[period]

    def recover(self, history: LedgerHistory, now: datetime) -> Recovery:
        """Homes tell it again with their next prognoses."""
        return Recovery(forgotten=("how batteries serve the site, until homes tell their days anew",))
