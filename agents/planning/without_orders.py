"""What a home would have drawn on a day without its orders, from what was measured: for the bill it is compared with.

The base load and the available power of plants are as measured. A battery follows its own rule from what it stored when the
day began. What an order moved in time (heat, vehicles, appliances) is put back: the told baseline in the ordered ISPs, and
the energy that differs spread over the others.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from agents.planning.elements.battery import EFFICIENCY, stored_kwh_by
from agents.planning.elements.element import ElementConfig, ElementKind
from cim.model.arrays import Floats


@dataclass(frozen=True, slots=True)
class MeasuredElement:
    """An element's day.

    Attributes:
        power_kw: [T] as metered.
        baseline_kw: ISP (from 1) -> what it would have done without orders, where orders touched it.
        stored_kwh: what a battery held when the day began; None where nobody knows.
    """

    config: ElementConfig
    kind: ElementKind
    power_kw: Floats
    baseline_kw: Mapping[int, float] = field(default_factory=dict)
    stored_kwh: float | None = None


def without_orders(meter_kw: Floats, elements: Sequence[MeasuredElement], hours: float) -> Floats:
    """[T] kW of the connection without the orders of the day.

    A battery whose energy nobody knows is taken as it was metered: nothing is guessed.
    """
    base = meter_kw - sum((element.power_kw for element in elements), start=np.zeros(len(meter_kw)))
    batteries = [element for element in elements if element.config.capacity_wh and element.stored_kwh is not None]
    others = [element for element in elements if element not in batteries]
    net = base + sum((_put_back(element) for element in others), start=np.zeros(len(meter_kw)))
    for element in batteries:
        net = net + _own_rule(element, net, hours)
    return np.asarray(net, dtype=np.float64)


def _put_back(element: MeasuredElement) -> Floats:
    """[T] kW of an element that runs by itself: its baseline where an order touched it, else as metered."""
    power = element.power_kw.copy()
    touched = np.zeros(len(power), dtype=bool)
    for isp, baseline in element.baseline_kw.items():
        power[isp - 1], touched[isp - 1] = baseline, True
    if element.kind.stores and not touched.all():
        power[~touched] += float((element.power_kw - power).sum()) / int((~touched).sum())
    return power


def _own_rule(element: MeasuredElement, rest_kw: Floats, hours: float) -> Floats:
    """[T] kW of a battery that takes the surplus and serves the need, as far as rating and energy go."""
    config, stored = element.config, element.stored_kwh or 0.0
    capacity, power = config.capacity_wh / 1000, np.zeros(len(rest_kw))
    wished = np.clip(-rest_kw, -config.generation_w / 1000, config.consumption_w / 1000)
    for k, wish in enumerate(wished.tolist()):
        if wish > 0:
            power[k] = min(wish, max(capacity - stored, 0.0) / (EFFICIENCY * hours))
        else:
            power[k] = max(wish, -max(stored, 0.0) * EFFICIENCY / hours)
        stored += stored_kwh_by(float(power[k]), hours)
    return power
