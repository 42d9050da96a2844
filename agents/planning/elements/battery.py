"""Battery: serves its home's own consumption by its device's own rule; an order may hold it to any path within its energy.

What an order will need is not left to the own rule before: where the expected own consumption would take the room or the
energy, the battery is held back (`owner_kw`), and where the home needs less than was expected, it makes the room that an
order counts on; everywhere else it is free.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import isnan

import numpy as np

from agents.planning.dispatch.flexibility import Storable
from agents.planning.elements.element import ElementKind, ElementKnowledge, PlanWindow
from agents.planning.elements.store_operation import Store, filled_kw, traded_kw
from agents.planning.remembered import Remembered
from cim.model.arrays import Floats
from cim.model.devices import DeviceKind, Mode

EFFICIENCY = 0.95  # one way; what an agent assumes of a battery whose nameplate does not tell
_COUNTED_ON = 0.5  # assumed: the share of expected surplus or need that is relied on to serve a later order
_NOTHING_KW = 5e-4
_NEAR_HOLD_H = 1.0  # of its rating, within which of what it is to hold it is held to its plan


class Battery(ElementKind):
    """A home battery or a district's storage behind a SunSpec converter: a target in both directions."""

    kind = DeviceKind.BATTERY
    label = "batteries"
    balance = "battery"
    agent = "battery"
    mode = Mode.TARGET
    stores = True
    turn = 3
    held_by_reports = True
    foresees_orders = True
    balances_home = True
    noticeable_share = 0.02  # else hundreds of small moves would end its own rule for the whole day
    noticeable_of_plan = 0.15  # and what is small beside what it does anyway would hold it to a forecast of its home

    def forecast(self, known: ElementKnowledge, window: PlanWindow, rest_kw: Floats) -> Floats:
        """See `own_consumption`."""
        return _own_consumption(known, window, rest_kw).power_kw

    def owner_kw(self, known: ElementKnowledge, window: PlanWindow, rest_kw: Floats) -> Floats:
        """See `own_consumption`."""
        return _own_consumption(known, window, rest_kw).reserved_kw

    def flexibility(self, known: ElementKnowledge, expected_kw: Floats, window: PlanWindow) -> Storable:
        """Any path within its power and energy that ends where its plan ends.

        One that is not refilled on the same day may end lower, for what a kilowatt-hour from the grid costs on average: it pays
        for nobody to empty it, nor to fill it again in the night.
        """
        config, hours, prices = known.config, window.hours, known.shifting_prices(window)
        plan, returned = window.part(expected_kw), known.costs.battery_returned_share
        capacity = config.capacity_wh / 1000
        steps = np.where(plan > 0, plan * EFFICIENCY, plan / EFFICIENCY) * hours
        stored_kwh = min(max(known.stored_kwh, 0.0), capacity)
        size, reserve = len(plan), min(config.reserve_wh / 1000, capacity)
        # From below its reserve it gives nothing until its plan has filled it; and what is in it is not taken out.
        low = np.minimum(plan, 0.0) if stored_kwh < reserve else np.full(size, -config.generation_w / 1000)
        path = stored_kwh + np.cumsum(steps)
        floor = np.full(size, min(max(float(path.min(initial=stored_kwh)), 0.0), reserve))
        if config.operation is not None:  # nor is what it holds for an outage given away, as far as its plan holds it
            hold = config.operation.held_on(window.day.day, len(expected_kw))
            floor = np.maximum(floor, np.minimum(window.part(hold), path))
        ceiling = np.full(size, capacity)
        if not config.refilled_same_day:
            ceiling[-1] = min(max(float(path[-1]), float(floor[-1])), capacity)
        return Storable(
            element=config.element,
            plan_kw=plan,
            low_kw=low,
            high_kw=np.full(size, config.consumption_w / 1000),
            floor_kwh=floor,
            ceiling_kwh=ceiling,
            energy_kwh=stored_kwh,
            total_kwh=min(max(float(steps.sum()), -stored_kwh), capacity - stored_kwh),
            eta_in=EFFICIENCY,
            eta_out=EFFICIENCY,
            weight=known.costs.weight_ct_per_kw2,
            wear=_wear_ct_per_kwh(prices.down, returned) * hours,
            hours=hours,
            price_up=prices.up,
            price_down=returned * prices.down,
            turn_kw=prices.turn_kw,
            end_ct_per_kwh=None if config.refilled_same_day else float(np.mean(prices.up)),
        )

    def own_price_ct_per_kwh(self, known: ElementKnowledge, retail: float, feed_in: float) -> float:
        """Wear of the way in and out again, what is lost between, bought anew, and own consumption that it costs."""
        lost = known.costs.battery_own_use_share * max(retail - feed_in, 0.0)
        return 2 * known.costs.wear_ct_per_kwh + (1 / EFFICIENCY**2 - 1) * retail + lost

    def stored_later(self, stored_kwh: float, power_kw: float, hours: float) -> float:
        """With the losses of one way."""
        return stored_kwh + stored_kwh_by(power_kw, hours)


def _wear_ct_per_kwh(price_down: Floats, returned_share: float) -> float:
    """What each kWh through it costs, so that what it burns by charging and discharging loses all of its feed-in.

    Nothing of that is given back, so it must not be as cheap as what is: a full battery would seem to take surplus for half
    of what it costs to curtail it, which no battery does. What it truly wears is in its contract's price, not here: to
    wear less than by its own rule is no gain on any bill.
    """
    through = (1 + EFFICIENCY**2) / (1 - EFFICIENCY**2)  # kWh through it for each that is burned
    return (1 - returned_share) * max(float(np.max(-price_down)), 0.0) / through


def stored_kwh_by(power_kw: float, hours: float) -> float:
    """What running at `power_kw` (at its terminals) for `hours` changes of the stored energy: losses of one way."""
    return (power_kw * EFFICIENCY if power_kw > 0 else power_kw / EFFICIENCY) * hours


@dataclass(frozen=True, slots=True)
class OwnConsumption:
    """What a battery does of its own rule between its orders.

    Attributes:
        power_kw: [T] its power; where an order holds it, what the order says.
        reserved_kw: [T] the same where it must be held back, or make room, so that its orders can be served; NaN elsewhere.
    """

    power_kw: Floats
    reserved_kw: Floats


def own_consumption(known: ElementKnowledge, window: PlanWindow, rest_kw: Floats) -> OwnConsumption:
    """From the window's first ISP on: take the home's surplus, give it back when there is need, keep room for orders.

    One that is traded by the hour, or serves the site by a plan, does that instead; one that is to hold energy for an outage
    gives no more than that leaves.
    """
    config = known.config
    if (traded_ct := config.traded_ct(window.day)) is not None:
        return _traded(known, window, traded_ct)
    store = _store(known)
    none = np.zeros(len(rest_kw))
    hold = none if config.operation is None else config.operation.held_on(window.day.day, len(rest_kw))
    reserved = _reserved_kw(known, window, len(rest_kw))
    # What stands by is no power of the home's: neither to charge with, nor to discharge.
    standing_by = set(reserved)  # mostly nothing, all day
    lows = {kw: min(-config.generation_w / 1000 - min(kw, 0.0), 0.0) for kw in standing_by}
    highs = {kw: max(config.consumption_w / 1000 - max(kw, 0.0), 0.0) for kw in standing_by}
    low_kw, high_kw = np.array([lows[kw] for kw in reserved]), np.array([highs[kw] for kw in reserved])
    # Lists of floats: a home plans in every interval, and one number of an array costs ten times one of a list.
    serves = config.operation is not None and config.operation.serves_site and known.planned_kw is not None
    wanted_kw = known.planned_kw if serves and known.planned_kw is not None else -rest_kw
    wished: list[float] = np.clip(wanted_kw, low_kw, high_kw).tolist()
    held: list[float] = [np.nan] * len(wished) if known.held_kw is None else known.held_kw.tolist()
    capacity = config.capacity_wh / 1000
    reserve = min(config.reserve_wh / 1000, capacity)
    bounds = _bounds(wished, held, reserved, (reserve, capacity), window, _COUNTED_ON)
    room = [ceiling for _, ceiling in _bounds(wished, held, reserved, (reserve, capacity), window, 1.0)]
    power, kept_kw = [0.0] * len(wished), [np.nan] * len(wished)
    stored, hours = min(max(known.stored_kwh, 0.0), capacity), window.first_hours
    for k in range(window.first - 1, len(wished)):
        free = isnan(held[k])
        power[k] = _within(wished[k] if free else held[k], stored, (reserve, capacity), hours)
        kept = _within(power[k], stored, bounds[k], hours)
        if stored > room[k] and hours > 0:  # nor will its home use so much until then: it gives it to the grid
            kept = min(kept, max(-(stored - room[k]) * EFFICIENCY / hours, -config.generation_w / 1000))
        held_back = free and hold[k] > 0
        if held_back:
            kept = filled_kw(store, kept, stored, float(hold[k]), hours)
        if free and (serves or abs(kept - power[k]) > _NOTHING_KW):
            power[k] = kept_kw[k] = kept
        elif held_back and stored + stored_kwh_by(power[k], hours) < hold[k] + _NEAR_HOLD_H * store.out_kw:
            kept_kw[k] = power[k]  # its device knows of no reserve, and its home may want more than is expected
        stored = min(max(stored + stored_kwh_by(power[k], hours), 0.0), capacity)
        hours = window.hours
    return OwnConsumption(np.array(power), np.array(kept_kw))


_own_consumption = Remembered(own_consumption)  # a battery is asked for both, one after the other


def _store(known: ElementKnowledge) -> Store:
    """The battery as its owner trades or fills it."""
    config = known.config
    return Store(
        capacity_kwh=config.capacity_wh / 1000,
        floor_kwh=config.reserve_wh / 1000,
        in_kw=config.consumption_w / 1000,
        out_kw=config.generation_w / 1000,
        efficiency=EFFICIENCY,
        wear_ct_per_kwh=known.costs.wear_ct_per_kwh,
    )


def _traded(known: ElementKnowledge, window: PlanWindow, day_ct: Floats) -> OwnConsumption:
    """What it does where its energy is bought and sold by the hour; it is held to that wherever no order holds it."""
    count, first = window.day.count, window.first - 1
    hours = np.full(count - first, window.hours)
    hours[:1] = window.first_hours
    held = np.full(count, np.nan) if known.held_kw is None else known.held_kw
    power = np.zeros(count)
    power[first:] = traded_kw(
        _store(known), day_ct[first:], hours, known.stored_kwh, held[first:], end_ct_per_kwh=float(day_ct.mean())
    )
    return OwnConsumption(power, np.where((np.arange(count) >= first) & np.isnan(held), power, np.nan))


def _reserved_kw(known: ElementKnowledge, window: PlanWindow, count: int) -> list[float]:
    """[count] what stands by for orders that may still come: of ISPs that have begun none can."""
    if known.reserved_kw is None:
        return [0.0] * count
    begun = window.first - (window.now < window.day.start)
    return [0.0] * begun + [float(kw) for kw in known.reserved_kw[begun:]]


def _within(power_kw: float, stored_kwh: float, bounds_kwh: tuple[float, float], hours: float) -> float:
    """The power nearest to `power_kw`, not beyond zero, that does not take the store out of its bounds within `hours`."""
    floor_kwh, ceiling_kwh = bounds_kwh
    if hours <= 0:
        return power_kw
    if power_kw > 0:
        return min(power_kw, max(ceiling_kwh - stored_kwh, 0.0) / (EFFICIENCY * hours))
    return max(power_kw, -max(stored_kwh - floor_kwh, 0.0) * EFFICIENCY / hours)


def _bounds(
    wished_kw: list[float],
    held_kw: list[float],
    reserved_kw: list[float],
    usable_kwh: tuple[float, float],
    window: PlanWindow,
    counted_on: float,
) -> list[tuple[float, float]]:
    """[T] least and most energy at the end of each ISP with which all later orders can still be served, also those that may come.

    Args:
        reserved_kw: [T] what may be ordered where nothing is; it may be, or not.
        usable_kwh: its reserve and its capacity.
        counted_on: share of the expected surplus and need that is relied on.
    """
    (least, most), hours = usable_kwh, window.hours
    floor, ceiling = least, most
    bounds = [(floor, ceiling)] * len(wished_kw)
    for k in range(len(wished_kw) - 1, window.first - 2, -1):
        bounds[k] = floor, ceiling
        if isnan(held_kw[k]):
            expected = counted_on * stored_kwh_by(wished_kw[k], hours)
            called = stored_kwh_by(reserved_kw[k], hours)
            # If it is called the store fills (or empties) by so much; what the home does else is not counted beside it.
            floor = floor - called if called < 0 else floor - max(expected, 0.0)
            ceiling = ceiling - called if called > 0 else ceiling - min(expected, 0.0)
        else:
            ordered = stored_kwh_by(held_kw[k], hours)
            floor, ceiling = floor - ordered, ceiling - ordered
        floor, ceiling = min(max(floor, least), most), min(max(ceiling, least), most)
    return bounds
