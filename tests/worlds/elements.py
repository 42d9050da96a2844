"""One day, and what a prosumer knows of an element on it, for tests of the element modules."""

from __future__ import annotations

from datetime import date, datetime

import numpy as np

from agents.planning.elements.element import ElementConfig, ElementCosts, ElementKnowledge, PlanWindow
from agents.planning.elements.energy_prices import EnergyPrices
from cim.model.intervals import LocalDay

DAY = LocalDay(date(2026, 5, 20), "Europe/Vienna")
COSTS = ElementCosts(5.0, 2.0, 0.002, 0.05, 0.02, 0.5, 0.5, 0.2, 0.5)
NOTHING = np.zeros(DAY.count)  # what base load and other elements leave


def window(first: int = 1, last: int = DAY.count, now: datetime | None = None) -> PlanWindow:
    """ISPs of the day, planned when the first of them begins unless `now` says otherwise."""
    return PlanWindow(DAY, first, last, DAY.isp_start(first) if now is None else now)


FEED_IN, RETAIL = 7.0, 15.0  # ct/kWh


def unknown(config: ElementConfig) -> ElementKnowledge:
    """An element that has told nothing yet."""
    return ElementKnowledge(config, COSTS)


def priced(config: ElementConfig, net_kw: float, paid_ct_per_kwh: float | None = None) -> ElementKnowledge:
    """The same at a home that is expected to draw `net_kw` all day under a flat tariff."""
    flat = [np.full(DAY.count, value) for value in (RETAIL, FEED_IN, net_kw)]
    return ElementKnowledge(config, COSTS, prices=EnergyPrices(*flat), paid_ct_per_kwh=paid_ct_per_kwh)
