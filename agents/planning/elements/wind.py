"""Wind: expected as on its last days and as it was measured last, can be limited.

No service forecasts the wind, and a forecast of the sun says nothing of it.
"""

from __future__ import annotations

import numpy as np

from agents.planning.elements.element import ElementKnowledge, PlanWindow
from agents.planning.elements.generation import WeatherDrivenKind
from agents.planning.forecast.like_day import corrected, like_day
from cim.model.arrays import Floats
from cim.model.devices import DeviceKind

PERSISTENCE_H = 8.0  # assumed: after this time e^-1 of what the wind differs from its usual strength is left
_AT_LIMIT = 0.02  # of the rating: a turbine that is this near to its limit may be held back by it


class Wind(WeatherDrivenKind):
    """A wind turbine behind a SunSpec inverter."""

    kind = DeviceKind.WIND
    label = "wind"
    balance = "wind"

    def could_kw(self, known: ElementKnowledge, window: PlanWindow) -> Floats:
        """The mean of its last days, pulled to what it could give when it was read last; the pull fades."""
        usual = np.minimum(like_day(known.config.history_kw, window.day.count), 0.0)
        seen = _told_available(known, window) or last_available(known, window.first)
        if seen is None:
            return usual
        isp, available_kw = seen
        pulled = corrected(usual, available_kw, isp + 1, PERSISTENCE_H / window.hours)
        return np.clip(pulled, -known.config.generation_w / 1000, 0.0)


def _told_available(known: ElementKnowledge, window: PlanWindow) -> tuple[int, float] | None:
    """The running ISP, and what the turbine itself says it could give now (kW, <= 0), whatever limits it."""
    day = window.day
    if known.available_kw is None or not day.start <= window.now < day.end:
        return None
    return day.isp_of(window.now), known.available_kw


def last_available(known: ElementKnowledge, first: int) -> tuple[int, float] | None:
    """The last ISP before `first` that was metered, and the power (kW, <= 0) that the wind let the turbine give in it.

    For a turbine that does not tell its available power: at its limit it shows no more than the limit. It is taken to
    have the wind it had when it was last free, for a wind that held on so far says nothing of its end; were it taken for
    the limit, every order would seem needless.
    """
    if known.metered_kw is None:
        return None
    metered = known.metered_kw[: first - 1]
    seen = np.flatnonzero(~np.isnan(metered))
    if not len(seen):
        return None
    last = int(seen[-1])
    power = float(metered[last])
    if known.held_kw is not None:
        near = _AT_LIMIT * known.config.generation_w / 1000
        held_back = metered <= known.held_kw[: first - 1] + near  # False where it is free: NaN
        free = seen[~held_back[seen]]
        if held_back[last] and len(free):
            power = min(power, float(metered[free[-1]]))
    return last + 1, power
