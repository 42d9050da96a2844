"""What flexible operation does otherwise by the scenario that a run is judged by: how elements are operated."""

from __future__ import annotations

from datetime import date

import numpy as np

from agents.assembly.tariffs_of_site import hourly_prices
from agents.planning.elements.store_operation import StoreOperation
from agents.planning.islanding.reserve import expected_chances, reserve_wh
from cim.model.arrays import Floats
from cim.model.intervals import LocalDay
from environment.profiles.library import QUARTER
from environment.sites.devices import BatteryUnit, ChpUnit, Gateway, Pv, Station, Wind
from environment.sites.schema import Site
from experiments.island.model import IslandSite
from experiments.run.settings import RunSettings, ScenarioName

_TRADED = (BatteryUnit, ChpUnit, Gateway, Pv, Station, Wind)
_KNOWN_DAYS = (2, 7, 14)  # before each quarter-hour, from which the reserve is known when the day is planned


def operations_of(settings: RunSettings, site: Site, days: tuple[LocalDay, ...]) -> dict[str, StoreOperation]:
    """Element -> how it is operated in the column `market`; empty where the scenario changes nothing.

    `self-consumption`: every battery serves the site, as the ILES manager plans. `market`: batteries, heat pumps, vehicles and
    plants are traded by the day-ahead prices. `islanding`: the battery that forms the island holds what the
    promised loads need with the site's confidence, by what outages of earlier days would have needed.

    Args:
        days: the day before the first that is operated, and those that are.
    """
    if settings.scenario == ScenarioName.MARKET:
        traded = StoreOperation(prices=hourly_prices(site.tariffs.day_ahead), begins=days[1].day)
        return dict.fromkeys(_named(site, *_TRADED), traded)
    if settings.scenario == ScenarioName.SELF_CONSUMPTION:
        return dict.fromkeys(_named(site, BatteryUnit), StoreOperation(serves_site=True))
    if settings.scenario == ScenarioName.ISLANDING:
        from experiments.island.model import island_site

        model = island_site(settings.site)
        return {model.plan.forming.unit: StoreOperation(hold_kwh=held_kwh(model, days))}
    return {}


def _named(site: Site, *kinds: type) -> list[str]:
    """The names of the site's elements of these kinds."""
    units = ((prosumer, device) for prosumer in site.prosumers for device in prosumer.devices)
    return [prosumer.device_name(device) for prosumer, device in units if isinstance(device, kinds)]


def held_kwh(model: IslandSite, days: tuple[LocalDay, ...]) -> dict[date, Floats]:
    """By day, [T] what the forming battery is to hold when each ISP ends, what an island may not use included.

    Where no energy gives the confidence, all of it.
    """
    levels = model.store.levels_wh
    chance, _ = expected_chances(*model.true_chances, _KNOWN_DAYS)
    confidence = model.plan.confidence_pct.value / 100
    usable = np.where(
        chance[:, -1] >= confidence, reserve_wh(chance, levels, confidence), levels[-1]
    )  # by quarter-hour, when it begins
    step, found = model.site.isp_minutes * 60 // QUARTER.seconds, dict[date, Floats]()
    for day in days:
        first = (day.start - model.year.first) // QUARTER
        ends = np.minimum(first + step * np.arange(1, day.count + 1), usable.size - 1)
        found[day.day] = np.asarray((usable[ends] + model.limits.empty_wh) / 1000, dtype=np.float64)
    return found
