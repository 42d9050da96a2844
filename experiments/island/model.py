"""A site as its island sees it: a year of loads and sun, prices, outages' chances, the battery's cheapest operation."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property

import numpy as np

from agents.assembly.tariffs_of_site import tariff_of
from agents.planning.islanding.control import IslandFacts
from agents.planning.islanding.holding import Exchange, Held, Priced, Store, cheapest, hold_for
from agents.planning.islanding.reserve import expected_chances, needs_wh, served_chances
from cim.model.arrays import Floats, Ints
from cim.model.errors import BadInput
from cim.model.intervals import local_day_of
from environment.outages import Cause, duration_shares, outage_chances
from environment.physics.island import IslandLimits, limits_of
from environment.physics.island_year import IslandYear, island_year, islanding_of
from environment.profiles.library import QUARTER, Profiles, load
from environment.sites import load_site
from environment.sites.islanding import Islanding
from environment.sites.schema import Site

KNOWN_DAYS = (
    1,
    2,
    7,
    14,
)  # before each quarter-hour: what a plan that is renewed goes by; no outage lasts into what it knows not
LEAD_DAYS = 30  # from the year's first day on: nothing is drawn there, for no habits are known yet


@dataclass(frozen=True, eq=False)
class IslandSite:
    """A site with everything that an outage needs; what takes long is made when first asked for.

    Attributes:
        lead_days: of the year, in which no outage is run: no habits are known there yet.
    """

    site: Site
    profiles: Profiles
    plan: Islanding
    year: IslandYear
    limits: IslandLimits
    lead_days: int = LEAD_DAYS

    @property
    def promised_w(self) -> Floats:
        """[quarter-hours] the load of the promised stages."""
        return np.asarray(self.year.load_w[: self.plan.promised].sum(axis=0), dtype=np.float64)

    @property
    def usable_wh(self) -> float:
        """What of the battery can be used in an island."""
        return self.limits.capacity_wh - self.limits.empty_wh

    @cached_property
    def facts(self) -> IslandFacts:
        """What the ILES manager knows of the island."""
        limits, plan = self.limits, self.plan
        return IslandFacts(
            battery_w=limits.battery_w,
            capacity_wh=limits.capacity_wh,
            empty_wh=limits.empty_wh,
            efficiency=limits.efficiency,
            chp_w=limits.chp_w,
            chp_min_w=limits.chp_min_w,
            promised=plan.promised,
            mains_stable_s=plan.mains_stable_s.value,
            nominal_hz=float(plan.nominal_hz),
            start_wh=limits.empty_wh + 0.01 * limits.capacity_wh,
            bridge_s=self.chp_back_s + plan.control_s,
        )

    @cached_property
    def chances(self) -> dict[Cause, Floats]:
        """By cause, the chance that an outage begins in each quarter-hour of the year."""
        return outage_chances(self.plan.outages, self.year.first, self.year.count, self.site.timezone)

    @cached_property
    def kinds(self) -> tuple[Floats, Floats]:
        """Durations (s) that stand for equal shares of each cause, [kinds], and their weights by quarter-hour."""
        shares = duration_shares(self.plan.outages)
        weights = [np.repeat(self.chances[cause][:, None] / 24, 24, axis=1) for cause in Cause]
        return np.concatenate([shares[cause] for cause in Cause]), np.concatenate(weights, axis=1)

    @cached_property
    def exchange(self) -> Exchange:
        """What the site exchanges with the grid beside its forming battery, and at what price."""
        year = self.year
        buy, sell = _prices(self.site, self.plan, year)
        return Exchange(year.load_w.sum(axis=0) - year.sun_w - year.chp_w, buy, sell)

    @cached_property
    def store(self) -> Store:
        """The forming battery as the market sees it; what an island may not use is not sold either."""
        wear = self.site.flexibility_costs.wear_ct_per_kwh.value
        return Store(self.limits.battery_w, self.usable_wh, self.limits.efficiency, wear)

    @cached_property
    def true_chances(self) -> tuple[Floats, Floats]:
        """How likely an outage in each quarter-hour is served with each level of energy, as loads and sun really are."""
        seconds, weights = self.kinds
        extra_s = self.plan.mains_stable_s.value + self.plan.control_s  # until it is back on mains
        available = 1.0 if self.plan.engine is None else self.plan.engine.available.value
        short_w, battery_w = self.promised_w - self.year.sun_w, self.limits.battery_w
        with_chp = needs_wh(short_w - self.limits.chp_w, seconds + extra_s, battery_w, self.limits.efficiency)
        with_chp += self.bridge_wh(chp_ready=True)[:, None]
        if available >= 1.0:
            return served_chances(with_chp, weights, self.store.levels_wh)
        without = needs_wh(short_w, seconds + extra_s, battery_w, self.limits.efficiency)
        without += self.bridge_wh(chp_ready=False)[:, None]
        needs = np.concatenate([with_chp, without], axis=1)
        return served_chances(
            needs, np.concatenate([weights * available, weights * (1 - available)], axis=1), self.store.levels_wh
        )

    @property
    def chp_back_s(self) -> float:
        """From the order to start until the CHP plant gives all that it can; 0 without one."""
        chp = self.plan.engine
        return 0.0 if chp is None else chp.start_s.value + 100 / chp.governor_pct_per_s.value

    def bridge_wh(self, *, chp_ready: bool) -> Floats:
        """[quarter-hours] what the battery gives alone until generation that trips at the separation is back, Wh.

        Where more is generated than all loads and the battery take, inverters go off by their over-frequency rule and the
        CHP plant is tripped; else it is the time until the manager's first decision.
        """
        plan, year = self.plan, self.year
        chp_w = year.chp_w * chp_ready
        excess_w = chp_w + year.sun_w - year.load_w.sum(axis=0)
        back_s = plan.inverters.reconnect_s.value + 0.5 * plan.inverters.ramp_s.value
        back_s = max(back_s, self.chp_back_s * chp_ready)
        seconds = np.where(excess_w > 0.9 * self.limits.battery_w, back_s + plan.control_s, plan.control_s)
        return np.asarray(self.promised_w * seconds / 3600 / self.limits.efficiency, dtype=np.float64)

    @cached_property
    def expected(self) -> tuple[Floats, Floats]:
        """The same as a day-ahead plan expects it, from earlier days alone."""
        return expected_chances(*self.true_chances, KNOWN_DAYS)

    @cached_property
    def free(self) -> Held:
        """The battery's cheapest operation with nothing held."""
        return cheapest(self.exchange, self.store, np.zeros((self.year.count, self.store.levels)))

    def planned(self, confidence: float, share_of: Callable[[Ints], float] | None = None) -> Priced:
        """The operation planned from what is expected, served with this confidence by it, or by `share_of`."""
        return hold_for(self.exchange, self.store, *self.expected, confidence, free=self.free, share_of=share_of)

    def in_hindsight(self, confidence: float) -> Priced:
        """The cheapest operation with that confidence, every load and every hour of sun being known; not the outages."""
        return hold_for(self.exchange, self.store, *self.true_chances, confidence, free=self.free)

    def quarter(self, instant: datetime) -> int:
        """The quarter-hour an instant lies in.

        Raises:
            BadInput: it is outside the profiles, or so early that no habits are known.
        """
        found = (instant - self.year.first) // QUARTER
        first = self.year.first + timedelta(days=self.lead_days)
        last = self.year.first + self.year.count * QUARTER - timedelta(hours=self.plan.outages.longest_h.value + 1)
        if not first <= instant <= last:
            raise BadInput(f"at: {instant.isoformat()} is outside; expected {first.isoformat()} to {last.isoformat()}")
        return int(found)

    def stored_wh(self, held: Held, instant: datetime) -> float:
        """What is in the battery then, all of it (also what an island may not use), Wh."""
        place = (instant - self.year.first) / QUARTER
        return self.limits.empty_wh + float(self.usable_at(held.level, np.array([place]))[0])

    def usable_at(self, level: Ints, places: Floats) -> Floats:
        """What an island could use at instants, counted in quarter-hours from the year's first, Wh."""
        at = places.astype(np.int64)
        between = level[at] + (places - at) * (level[at + 1] - level[at])
        return np.asarray(self.usable_wh * between / (self.store.levels - 1), dtype=np.float64)

    def battery_w(self, held: Held, instant: datetime) -> float:
        """What the battery gives (> 0) or takes then, W."""
        quarter = self.quarter(instant)
        step_wh = self.usable_wh * float(held.level[quarter + 1] - held.level[quarter]) / (self.store.levels - 1)
        power = -step_wh * 4
        return power * self.limits.efficiency if power > 0 else power / self.limits.efficiency


def island_site(name: str) -> IslandSite:
    """A site by its name or its file. Raises `BadInput` where it has no section `islanding`."""
    site = load_site(name)
    plan, profiles = islanding_of(site), load(site.profiles)
    year = island_year(site, profiles)
    return IslandSite(site, profiles, plan, year, limits_of(site, plan, year.inverter_rated_w))


def _prices(site: Site, plan: Islanding, year: IslandYear) -> tuple[Floats, Floats]:
    """[quarter-hours] what a kWh costs and earns the whole site, ct."""
    kinds = {prosumer.kind: prosumer.name for prosumer in site.prosumers}
    if plan.priced_as not in kinds:
        known = ", ".join(sorted(kinds))
        raise BadInput(f"islanding.priced_as: no prosumer is a {plan.priced_as}; expected one of {known}")
    tariff = tariff_of(site, kinds[plan.priced_as])
    buy, sell = np.empty(year.count), np.empty(year.count)
    day, last = local_day_of(year.first, site.timezone), year.first + year.count * QUARTER
    while day.start < last:
        rates = tariff.rates(day)
        begin, end = (day.start - year.first) // QUARTER, (day.end - year.first) // QUARTER
        inside = slice(max(0, -begin), day.count - max(0, end - year.count))
        buy[max(0, begin) : min(end, year.count)] = rates.retail_ct_per_kwh[inside]
        sell[max(0, begin) : min(end, year.count)] = rates.feed_in_ct_per_kwh[inside]
        day = day.next(1)
    return buy, sell
