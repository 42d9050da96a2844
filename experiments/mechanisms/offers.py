"""What each kind of element could sell in the ISPs in which relief is needed, at what cost to its owner.

Relief is more consumption or less generation than the element would have by its own rule. One function a kind; energies
are watt-hours of an ISP. What stores can move in a day is spread over the ISPs in proportion to the need, so that ISPs
can be cleared one by one. Appliances are left out: a programme runs whole or not at all, and bids are divisible.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from agents.assembly.market_terms import element_costs
from agents.assembly.providers import aggregator_of
from agents.planning.elements.element import ElementConfig, ElementKnowledge
from agents.planning.elements.registry import element_kind
from cim.model.arrays import Floats, Ints
from cim.model.devices import DeviceKind
from environment.physics import Battery, ChargePoint, Chp, HeatPumpRoom
from environment.sites.devices import AnyDevice
from environment.sites.schema import Prosumer, Site
from experiments.mechanisms.lived_day import LivedDay

E4_PER_CT = 100
_SAVED_LATER = 0.5  # as `agents.planning.elements.heat` assumes: of what is heated early, what is saved later


@dataclass(frozen=True)
class Offering:
    """What an element could sell over a day.

    Attributes:
        name: `farm-1.pv`, or a part of it: `farm-1.pv/own-use`.
        element: the element; owner: its aggregator of the day; point: its congestion point.
        quantity_wh: [T] watt-hours.
        cost_e4: [T] what a kWh costs its owner, ten-thousandths.
        back: [T] the part of each Wh sold that the element takes less in that ISP instead; all of them sum to at most 1.
    """

    name: str
    element: str
    owner: str
    point: str
    quantity_wh: Ints
    cost_e4: Ints
    back: Floats


def offerings(site: Site, lived: LivedDay, needed: dict[str, Floats]) -> Iterator[Offering]:
    """Of every element of the site that can move by degrees.

    Args:
        needed: by congestion point, [T] what is needed at it or above it, Wh; 0 where nothing is.
    """
    for prosumer in site.prosumers:
        weight = needed[prosumer.congestion_point]
        if not weight.any():
            continue
        for device in prosumer.devices:
            for part in _of_device(prosumer, device, lived, weight):
                yield _offering(site, prosumer, device, lived, part)


@dataclass(frozen=True)
class _Part:
    """What an element could sell, before anybody asks what it costs; `of_own_use`: each kWh has to be bought instead."""

    suffix: str
    quantity_wh: Floats
    back: Floats
    of_own_use: bool = False


def _of_device(prosumer: Prosumer, device: AnyDevice, lived: LivedDay, weight: Floats) -> Iterator[_Part]:
    name = prosumer.device_name(device)
    unit = lived.at_start[name]
    if name in lived.expected_generation_wh:
        yield from _generation(lived, prosumer.name, name, weight)
        return
    match unit:
        case Battery():
            yield from _battery(lived, unit, weight)
        case HeatPumpRoom():
            yield from _heat_pump(lived, unit, weight)
        case ChargePoint():
            yield from _station(lived, unit, weight)
        case Chp():
            yield from _chp(lived, unit, weight)


def _generation(lived: LivedDay, owner: str, name: str, weight: Floats) -> Iterator[_Part]:
    """Sun and wind: first what is fed in, which costs the feed-in; then what the home uses itself, which it must buy."""
    made = np.where(weight > 0, lived.expected_generation_wh[name], 0.0)
    fed_in = np.minimum(made, np.maximum(-lived.expected_net_wh[owner], 0.0))
    none = np.zeros_like(made)
    yield _Part("", fed_in, none)
    yield _Part("/own-use", made - fed_in, none, of_own_use=True)


def _chp(lived: LivedDay, unit: Chp, weight: Floats) -> Iterator[_Part]:
    """Down to its least power."""
    made = -lived.energy_wh[unit.name]
    room = np.where(weight > 0, np.maximum(made - unit.min_w * lived.hours, 0.0), 0.0)
    yield _Part("", room, np.zeros_like(room))


def _battery(lived: LivedDay, unit: Battery, weight: Floats) -> Iterator[_Part]:
    """What its room at the emptiest before the first need still takes, beside what its own rule takes then anyway.

    So that it has this room it charges less before.
    """
    asked = weight > 0
    first = int(np.argmax(asked))
    taken = np.maximum(lived.energy_wh[unit.name], 0.0)
    stored = lived.stored_wh[unit.name][: first + 1]
    emptiest = int(np.argmin(stored))
    room = (unit.capacity_wh - float(stored[emptiest])) / unit.efficiency - float(taken[asked].sum())
    before = np.where(np.arange(len(taken)) < first, taken, 0.0)
    before[:emptiest] = 0.0
    most = np.where(asked, unit.rated_w * lived.hours - lived.energy_wh[unit.name], 0.0)
    yield _Part("", spread(room, most, weight), shares(before))


def _heat_pump(lived: LivedDay, unit: HeatPumpRoom, weight: Floats) -> Iterator[_Part]:
    """Up to the warmest that is comfortable; half of it is saved over the rest of the day."""
    asked = weight > 0
    first, last = int(np.argmax(asked)), len(asked) - 1 - int(np.argmax(asked[::-1]))
    wh_per_k = 1 / unit.fill_rate_per_w / 3600
    room = max(unit.room.level_max_c - float(lived.temperature_c[unit.name][first]), 0.0) * wh_per_k
    most = np.where(asked, unit.rated_w * lived.hours - lived.energy_wh[unit.name], 0.0)
    after = np.where(np.arange(len(asked)) > last, lived.energy_wh[unit.name], 0.0)
    yield _Part("", spread(room, most, weight), _SAVED_LATER * shares(after))


def _station(lived: LivedDay, unit: ChargePoint, weight: Floats) -> Iterator[_Part]:
    """What each vehicle takes while nothing is needed, it may take while something is."""
    power = lived.energy_wh[unit.name]
    for number, plugged in enumerate(lived.visits[unit.name]):
        asked = plugged & (weight > 0)
        elsewhere = np.where(plugged & (weight <= 0), power, 0.0)
        most = np.where(asked, unit.rated_w * lived.hours - power, 0.0)
        if most.any() and elsewhere.any():
            quantity = spread(float(elsewhere.sum()), most, weight)
            yield _Part(f"/{number + 1}", quantity, shares(elsewhere))


def spread(budget_wh: float, most_wh: Floats, weight: Floats) -> Floats:
    """[T] a budget in proportion to weights, nowhere above what is possible there; what does not fit goes elsewhere."""
    found, left = np.zeros_like(most_wh), max(budget_wh, 0.0)
    for _ in range(8):
        open_ = np.where(found < most_wh, weight, 0.0)
        if left < 1 or not open_.any():
            break
        found = np.minimum(found + left * open_ / open_.sum(), most_wh)
        left = max(budget_wh, 0.0) - float(found.sum())
    return found


def shares(energy_wh: Floats) -> Floats:
    """[T] energies as parts of their sum; nothing of nothing."""
    total = float(energy_wh.sum())
    return energy_wh / total if total > 0 else np.zeros_like(energy_wh)


def _offering(site: Site, prosumer: Prosumer, device: AnyDevice, lived: LivedDay, part: _Part) -> Offering:
    name = prosumer.device_name(device)
    return Offering(
        name + part.suffix,
        name,
        aggregator_of(site, prosumer.name, lived.day.day),
        prosumer.congestion_point,
        np.floor(part.quantity_wh + 1e-9).astype(np.int64),
        _cost_e4(site, prosumer, device, lived, part),
        part.back,
    )


def _cost_e4(site: Site, prosumer: Prosumer, device: AnyDevice, lived: LivedDay, part: _Part) -> Ints:
    """[T] what a kWh costs, by the same rule that prices it in a contract, at the tariff of each ISP; never below 0.

    Owners differ: each element's cost by up to `LivedDay.spread` from what the site file says of its kind.
    """
    can, kind = device.capability, element_kind(DeviceKind(device.kind))
    config = ElementConfig(
        prosumer.device_name(device),
        kind.kind,
        round(can.generation_w),
        round(can.consumption_w),
        round(can.capacity_wh),
        round(can.planned_w),
        round(can.floor_w),
    )
    known = ElementKnowledge(config, element_costs(site.flexibility_costs))
    retail, feed_in = lived.rates[prosumer.name]
    if part.of_own_use:
        ct = retail
    else:
        pairs = zip(retail.tolist(), feed_in.tolist(), strict=True)
        ct = np.array([kind.own_price_ct_per_kwh(known, *pair) for pair in pairs])
    cost: Ints = np.rint(np.maximum(ct, 0.0) * E4_PER_CT * lived.own_factor[config.element]).astype(np.int64)
    return cost
