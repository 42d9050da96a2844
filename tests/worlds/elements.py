"""One day, and what a prosumer knows of an element on it, for tests of the element modules."""

from __future__ import annotations

from datetime import date, datetime

import numpy as np

from agents.planning.elements.element import ElementConfig, ElementCosts, ElementKnowledge, PlanWindow
from cim.model.intervals import LocalDay

DAY = LocalDay(date(2026, 5, 20), "Europe/Vienna")
COSTS = ElementCosts(7.0, 5.0, 2.0, 0.002, 0.05, 0.02)
NOTHING = np.zeros(DAY.count)  # what base load and other elements leave


def window(first: int = 1, last: int = DAY.count, now: datetime | None = None) -> PlanWindow:
    """ISPs of the day, planned when the first of them begins unless `now` says otherwise."""
    return PlanWindow(DAY, first, last, DAY.isp_start(first) if now is None else now)


def unknown(config: ElementConfig) -> ElementKnowledge:
    """An element that has told nothing yet."""
    return ElementKnowledge(config, COSTS)
