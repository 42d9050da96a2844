"""How an element may be operated otherwise than for its home: traded by the hour, held for an outage, serving the site.

Nothing is taken from an order: what orders hold stays, and the rest of the day is planned around it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from cim.codec.codec import wire
from cim.model.arrays import Floats
from cim.model.errors import BadInput
from cim.model.intervals import LocalDay
from market.billing.hourly_prices import HourlyPrices
from market.billing.tariff import E4_PER_MWH_OF_CT_PER_KWH

_LEVELS = 201  # of energy between empty and full
_FILLS_AT = 0.25  # of its rating, at which a store that holds too little is filled: no new peak of its feeder


@wire("home.StoreOperation")
@dataclass(frozen=True)
class StoreOperation:
    """What its owner wants of an element beside serving its home.

    Attributes:
        prices: at which its energy is bought and sold, both ways alike; None: it follows its own rule.
        hold_kwh: by day, [T] what it is to hold at least when each ISP ends; a day that is not named holds nothing.
        begins: the first day on which it is traded so; None: always. The day before, it does what it always did, and what it
            holds at midnight follows from that.
        serves_site: whether it does what the ILES manager plans, so that the site's own generation serves the site.
    """

    prices: HourlyPrices | None = None
    hold_kwh: dict[date, Floats] = field(default_factory=dict)
    serves_site: bool = False
    begins: date | None = None

    def price_ct(self, day: LocalDay) -> Floats | None:
        """[T] per kWh, at which its energy is traded on a day; None where it is not."""
        if self.prices is None or (self.begins is not None and day.day < self.begins):
            return None
        return np.asarray(self.prices.of_day(day) / E4_PER_MWH_OF_CT_PER_KWH, dtype=np.float64)

    def held_on(self, day: date, count: int) -> Floats:
        """[T] what it is to hold at least when each ISP of a day ends.

        Raises:
            BadInput: it says so for another number of ISPs.
        """
        found = self.hold_kwh.get(day, np.zeros(count))
        if len(found) != count:
            raise BadInput(f"hold_kwh: {len(found)} values for {day}; expected {count}, one for each ISP")
        return found


@dataclass(frozen=True, slots=True)
class Store:
    """A store as it is traded: energies kWh, powers kW (magnitudes) at its terminals, efficiency of one way.

    Attributes:
        wear_ct_per_kwh: of what goes through it: half of what is taken and given.
    """

    capacity_kwh: float
    floor_kwh: float
    in_kw: float
    out_kw: float
    efficiency: float
    wear_ct_per_kwh: float


def traded_kw(
    store: Store, price_ct: Floats, hours: Floats, stored_kwh: float, held_kw: Floats, *, end_ct_per_kwh: float
) -> Floats:
    """[N] the power with which the store earns most, exact over a grid of energies by dynamic programming.

    Args:
        price_ct: [N] per kWh, of what is taken and of what is given alike.
        hours: [N] how much of each interval is still to come.
        stored_kwh: at the beginning.
        held_kw: [N] what orders hold it to; NaN where it is free.
        end_ct_per_kwh: what is left at the end is worth that when it is given later, less the loss of one way. It must not be the
            mean of what is left of a day, or a dear evening would seem no dearer than the morning after.
    """
    levels = np.linspace(min(store.floor_kwh, store.capacity_kwh), store.capacity_kwh, _LEVELS)
    grain = float(levels[1] - levels[0])
    if grain <= 0 or not len(price_ct):
        return np.where(np.isnan(held_kw), 0.0, held_kw)
    values = [-levels * end_ct_per_kwh * store.efficiency]
    for k in range(len(price_ct) - 1, 0, -1):
        values.append(_value(store, float(price_ct[k]), float(hours[k]), float(held_kw[k]), levels, values[-1]))
    found = np.zeros(len(price_ct))
    stored = min(max(stored_kwh, 0.0), store.capacity_kwh)
    for k, after in enumerate(reversed(values)):
        if not np.isnan(held_kw[k]):
            found[k] = held_kw[k]
        elif hours[k] > 0:
            cost = _cost(store, float(price_ct[k]), float(hours[k]), levels - stored) + after
            best = int(np.argmin(cost))
            if cost[best] < float(np.interp(stored, levels, after)) - 1e-9:
                found[k] = float(_outside(store, levels[best] - stored)) / hours[k]
        stored = min(max(stored + _gained(store, found[k], float(hours[k])), 0.0), store.capacity_kwh)
    return found


def _value(store: Store, price_ct: float, hours: float, held_kw: float, levels: Floats, after: Floats) -> Floats:
    """[levels] the least cost from an interval on, from each level; `after` [levels] is that of the next interval."""
    if not np.isnan(held_kw):
        then = np.clip(levels + _gained(store, held_kw, hours), levels[0], levels[-1])
        return np.asarray(np.interp(then, levels, after), dtype=np.float64)
    grain = float(levels[1] - levels[0])
    up = min(int(store.in_kw * hours * store.efficiency / grain + 1e-9), _LEVELS - 1)
    down = min(int(store.out_kw * hours / store.efficiency / grain + 1e-9), _LEVELS - 1)
    reached = np.concatenate([np.full(down, np.inf), after, np.full(up, np.inf)])
    moves = _cost(store, price_ct, hours, np.arange(-down, up + 1, dtype=np.float64) * grain)
    return np.asarray((sliding_window_view(reached, down + up + 1) + moves).min(axis=1), dtype=np.float64)


def _cost(store: Store, price_ct: float, hours: float, inside: Floats) -> Floats:
    """What storing so much more costs, ct; infinite beyond the rating."""
    outside = _outside(store, inside)
    possible = (outside <= store.in_kw * hours + 1e-9) & (outside >= -store.out_kw * hours - 1e-9)
    cost = outside * price_ct + np.abs(outside) / 2 * store.wear_ct_per_kwh
    return np.asarray(np.where(possible, cost, np.inf), dtype=np.float64)


def _outside(store: Store, inside: Floats | float) -> Floats:
    """Energy at the terminals of what is stored more (or less)."""
    return np.where(
        np.asarray(inside) > 0, np.asarray(inside) / store.efficiency, np.asarray(inside) * store.efficiency
    )


def _gained(store: Store, power_kw: float, hours: float) -> float:
    return (power_kw * store.efficiency if power_kw > 0 else power_kw / store.efficiency) * hours


def filled_kw(store: Store, power_kw: float, stored_kwh: float, hold_kwh: float, hours: float) -> float:
    """The power nearest to `power_kw` with which the store holds `hold_kwh` at the end, or is filled towards it.

    Above what it is to hold it gives no more than that leaves; below, it takes at least a quarter of its rating.
    """
    lacks_kwh = min(hold_kwh, store.capacity_kwh) - stored_kwh
    if hours <= 0:
        return power_kw
    if lacks_kwh > 0:
        return max(power_kw, min(lacks_kwh / store.efficiency / hours, _FILLS_AT * store.in_kw))
    return max(power_kw, lacks_kwh * store.efficiency / hours)
