"""What the optimum of a day aims at, by the scenario that a run is judged by."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from datetime import timedelta

import numpy as np

from agents.assembly.tariffs_of_site import hourly_prices, tariff_of
from cim.model.arrays import Floats
from cim.model.intervals import LocalDay
from environment.sites.schema import Site
from experiments.run.run import span
from experiments.run.settings import RunSettings, ScenarioName
from market.billing.tariff import DayRates

_NO_LOOP_E4 = 1000  # a hundredth of a cent per kWh: who buys and sells at one price gains nothing by doing both at once
_IMPORT_CT_PER_KWH = 100.0  # where the least import is wanted: no bill and no wear outweighs it, a limit does
_BILLS_COUNT = 0.02  # of a bill there: enough to choose among equals


@dataclass(frozen=True)
class Aim:
    """What counts in the optimum of one day beside limits and comfort.

    Attributes:
        rates: what a connection's energy costs, by its prosumer.
        hold_wh: battery -> what it is to hold at least when each ISP ends, [T].
        import_ct_per_kwh: what a kWh that the site as a whole imports costs beside bills. Where it costs something, batteries
            end the day with what they began with, and what they lack then costs the same.
    """

    rates: Callable[[str], DayRates]
    hold_wh: Mapping[str, Floats] = field(default_factory=dict)
    import_ct_per_kwh: float = 0.0


def bills(site: Site, day: LocalDay) -> Aim:
    """Least bills."""
    return Aim(lambda prosumer: tariff_of(site, prosumer).rates(day))


def aims_of(settings: RunSettings, site: Site) -> Callable[[LocalDay], Aim]:
    """The aim of each day of a run.

    Raises:
        BadInput: the scenario is `islanding` and outages cannot be run on a day.
    """
    if settings.scenario == ScenarioName.MARKET:
        return lambda day: _wholesale(site, day)
    if settings.scenario == ScenarioName.SELF_CONSUMPTION:
        return lambda day: _own_use(site, day)
    if settings.scenario == ScenarioName.ISLANDING:
        return _islanding(settings, site)
    return lambda day: bills(site, day)


def _own_use(site: Site, day: LocalDay) -> Aim:
    """Least import of the site as a whole; among equals the least wear, then bills."""
    plain = bills(site, day)
    return Aim(lambda name: _scaled(plain.rates(name), _BILLS_COUNT), import_ct_per_kwh=_IMPORT_CT_PER_KWH)


def _scaled(rates: DayRates, share: float) -> DayRates:
    rows = (getattr(rates, each.name) for each in fields(DayRates))
    return DayRates(*(np.rint(row * share).astype(np.int64) for row in rows))


def _wholesale(site: Site, day: LocalDay) -> Aim:
    """Least cost of energy at day-ahead prices, bought and sold alike."""
    price, none = hourly_prices(site.tariffs.day_ahead).of_day(day), np.zeros(day.count, dtype=np.int64)
    rates = DayRates(price, none + _NO_LOOP_E4, none, price)
    return Aim(lambda _: rates)


def _islanding(settings: RunSettings, site: Site) -> Callable[[LocalDay], Aim]:
    """Least bills while the forming battery holds what each outage of the days will need for the promised loads."""
    from experiments.island.model import island_site
    from experiments.island.ride import needed_of
    from experiments.run.judging.outages import outages_of

    model, (first, last) = island_site(settings.site), span(site, settings)
    days = tuple(first.next(number) for number in range((last.day - first.day).days + 1))
    outages, forming = outages_of(model, days, settings.seed), model.plan.forming.unit

    def aim(day: LocalDay) -> Aim:
        hold_wh, isp = np.zeros(day.count), timedelta(minutes=site.isp_minutes)
        for outage in outages:
            if day.start <= outage.start < day.end:
                need_wh = needed_of(model, outage) + model.limits.empty_wh
                ends = max((outage.start - day.start) // isp - 1, 0)  # held when its own ISP begins
                hold_wh[ends] = max(hold_wh[ends], min(need_wh, model.limits.capacity_wh))
        return Aim(bills(site, day).rates, {forming: hold_wh})

    return aim
