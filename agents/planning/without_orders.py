"""What a home would have drawn on a day without orders and limits, from what was measured: for the bill it is compared with.

The base load is as measured, and plants give what they could have given. A battery follows its own rule from what it stored
when the day began, a heat pump its thermostat by what its building showed. What is traded by the hour or serves the site would
do so without orders too, and is not compared with its own rule. What else an order moved in time (vehicles,
appliances) is put back: the told baseline in the ordered ISPs, and the energy that differs where it ran else.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from agents.planning.elements.battery import EFFICIENCY, stored_kwh_by
from agents.planning.elements.element import ElementConfig, ElementKind
from agents.planning.thermostat import by_thermostat
from cim.model.arrays import Floats
from cim.model.devices import ThermalDescription


@dataclass(frozen=True, slots=True)
class MeasuredElement:
    """An element's day.

    Attributes:
        power_kw: [T] as metered.
        baseline_kw: ISP (from 1) -> what it would have done without orders, where orders touched it.
        available_kw: [T] what a plant could have given (<= 0); None where its inverter does not say.
        stored_kwh: what a battery held when the day began; None where nobody knows.
        room, temperature_c: of a heated building, and its temperature at the begin of each ISP and the day's end, [T + 1];
            None where it was not read at each of them.
    """

    config: ElementConfig
    kind: ElementKind
    power_kw: Floats
    baseline_kw: Mapping[int, float] = field(default_factory=dict)
    available_kw: Floats | None = None
    stored_kwh: float | None = None
    room: ThermalDescription | None = None
    temperature_c: Floats | None = None


def without_orders(meter_kw: Floats, elements: Sequence[MeasuredElement], hours: float) -> Floats:
    """[T] kW of the connection without the orders and limits of the day.

    A battery whose energy nobody knows is taken as it was metered: nothing is guessed.
    """
    rest_kw, rules = _rest_and_rules(meter_kw, elements, hours)
    return np.asarray(sum(rules.values(), start=rest_kw), dtype=np.float64)


def own_rules(meter_kw: Floats, elements: Sequence[MeasuredElement], hours: float) -> dict[str, Floats]:
    """[T] kW of each battery whose energy is known, by its own rule on that day: what no order has moved there."""
    return _rest_and_rules(meter_kw, elements, hours)[1]


def _rest_and_rules(
    meter_kw: Floats, elements: Sequence[MeasuredElement], hours: float
) -> tuple[Floats, dict[str, Floats]]:
    """[T] kW of the connection without such batteries, and of each of them, one after the other."""
    base = meter_kw - sum((element.power_kw for element in elements), start=np.zeros(len(meter_kw)))
    batteries = [
        element
        for element in elements
        if element.config.capacity_wh and element.stored_kwh is not None and not element.config.is_operated
    ]
    others = [element for element in elements if element not in batteries]
    rest = base + sum((_put_back(element, hours) for element in others), start=np.zeros(len(meter_kw)))
    rules: dict[str, Floats] = {}
    for element in batteries:
        net = np.asarray(sum(rules.values(), start=rest), dtype=np.float64)
        rules[element.config.element] = _own_rule(element, net, hours)
    return np.asarray(rest, dtype=np.float64), rules


def _put_back(element: MeasuredElement, hours: float) -> Floats:
    """[T] kW of an element that runs by itself: what it could have done where something held it, else as metered."""
    if element.available_kw is not None and not element.config.is_operated:
        return element.available_kw
    power = element.power_kw.copy()
    if not element.baseline_kw:
        return power
    if element.room is not None and element.temperature_c is not None and not element.config.is_operated:
        return by_thermostat(power, element.temperature_c, element.room, hours)
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
    reserve = min(config.reserve_wh / 1000, capacity)
    wished = np.clip(-rest_kw, -config.generation_w / 1000, config.consumption_w / 1000)
    for k, wish in enumerate(wished.tolist()):
        if wish > 0:
            power[k] = min(wish, max(capacity - stored, 0.0) / (EFFICIENCY * hours))
        else:
            power[k] = max(wish, -max(stored - reserve, 0.0) * EFFICIENCY / hours)
        stored += stored_kwh_by(float(power[k]), hours)
    return power
