"""What somebody can give in one direction, as data that can be added up: bands of power, room for energy, and a price.

A band's power can be called in any of its intervals. Where it has room (a store's), what is called from the first interval
asked for on, added up, stays within the room of each interval until the last one asked for; what comes back of it comes at
times that nobody asked for. Bands of several homes become one without promising more than all of them can do: each store
takes a fixed share, so the sum is an inner bound, and whatever fits it can be split.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from agents.planning.dispatch.flexibility import Curtailable, Flexibility, Storable
from cim.codec.codec import wire
from cim.model.arrays import Floats, Ints
from cim.model.errors import BadInput
from cim.model.grouping import grouped

_E4_PER_CT = 100


@wire("plan.FlexBand")
@dataclass(frozen=True, slots=True)
class FlexBand:
    """What can be given in one direction.

    Attributes:
        price_e4_per_kwh: what calling it is paid, ten-thousandths of the currency unit.
        power_w: [T] the most in each interval, a magnitude.
        room_wh: [T] the most energy that may have been called by the end of each interval; empty: nothing but power bounds it.
    """

    price_e4_per_kwh: int
    power_w: tuple[int, ...]
    room_wh: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        if self.room_wh and len(self.room_wh) != len(self.power_w):
            raise BadInput(f"room_wh: {len(self.room_wh)} intervals; expected {len(self.power_w)}, as power_w has")
        if min((*self.power_w, *self.room_wh), default=0) < 0:
            raise BadInput("power_w and room_wh: a value below 0; expected magnitudes")

    @property
    def is_nothing(self) -> bool:
        """Whether nothing can be called of it."""
        return not any(map(min, self.power_w, self.room_wh) if self.room_wh else self.power_w)

    def once_w(self, hours: float) -> tuple[int, ...]:
        """[T] the most in each interval if it is the only one that is called."""
        if not self.room_wh:
            return self.power_w
        return tuple(min(p, int(room / hours)) for p, room in zip(self.power_w, self.room_wh, strict=True))


@wire("plan.BothWays")
@dataclass(frozen=True, slots=True)
class BothWays:
    """What can be given towards more consumption (`up`) and towards less (`down`), cheapest first."""

    up: tuple[FlexBand, ...] = ()
    down: tuple[FlexBand, ...] = ()


def bands_of(model: Flexibility, price_e4_per_kwh: int, first: int, count: int) -> BothWays:
    """What one element can give; nothing where it cannot move by degrees.

    Args:
        first: the interval of the day (from 1) with which the model begins.
        count: intervals of the day.
    """
    if isinstance(model, Curtailable):
        return _both(price_e4_per_kwh, model.up_kw, -model.down_kw, None, None, first, count)
    if isinstance(model, Storable):
        plan = model.plan_kw
        gained = np.where(plan > 0, plan * model.eta_in, plan / model.eta_out) * model.hours
        stored = model.energy_kwh + np.cumsum(gained)
        # A kWh at the connection moves at most 1/eta_out kWh of the store.
        above, below = (model.ceiling_kwh - stored) * model.eta_out, (stored - model.floor_kwh) * model.eta_out
        return _both(price_e4_per_kwh, model.high_kw - plan, plan - model.low_kw, above, below, first, count)
    return BothWays()


def _both(
    price: int,
    up_kw: Floats,
    down_kw: Floats,
    up_kwh: Floats | None,
    down_kwh: Floats | None,
    first: int,
    count: int,
) -> BothWays:
    def row(values: Floats) -> tuple[int, ...]:
        whole = np.zeros(count, dtype=np.int64)
        whole[first - 1 : first - 1 + len(values)] = np.floor(np.maximum(values, 0.0) * 1000 + 1e-6)
        return tuple(whole.tolist())

    def band(kw: Floats, kwh: Floats | None) -> tuple[FlexBand, ...]:
        found = FlexBand(price, row(kw), () if kwh is None else row(kwh))
        return () if found.is_nothing else (found,)

    return BothWays(band(up_kw, up_kwh), band(down_kw, down_kwh))


def together(parts: Iterable[BothWays]) -> BothWays:
    """The bands of all of them, unmerged, cheapest first."""
    every = tuple(parts)
    return BothWays(
        _sorted(band for one in every for band in one.up), _sorted(band for one in every for band in one.down)
    )


def merged(parts: Iterable[BothWays]) -> BothWays:
    """The bands of several as few: one a cent and kind (with room or without); each an inner bound of those in it."""
    every = together(parts)
    return BothWays(_merged(every.up), _merged(every.down))


def _sorted(bands: Iterable[FlexBand]) -> tuple[FlexBand, ...]:
    return tuple(sorted(bands, key=lambda band: (band.price_e4_per_kwh, band.room_wh, band.power_w)))


def _merged(bands: Sequence[FlexBand]) -> tuple[FlexBand, ...]:
    useful = [band for band in bands if not band.is_nothing]
    groups = grouped(useful, lambda band: (-(-band.price_e4_per_kwh // _E4_PER_CT), bool(band.room_wh)))
    found = (_one(members, cent * _E4_PER_CT, stores=stores) for (cent, stores), members in groups.items())
    return _sorted(band for band in found if not band.is_nothing)


def _one(bands: Sequence[FlexBand], price_e4_per_kwh: int, *, stores: bool) -> FlexBand:
    powers = np.array([band.power_w for band in bands], dtype=np.int64)
    if not stores:
        return FlexBand(price_e4_per_kwh, _row(powers.sum(axis=0)))
    rooms = np.array([band.room_wh for band in bands], dtype=np.int64)
    greatest = rooms.max(axis=1)
    chosen = _that_add(powers, rooms, greatest)
    # Each takes the share that its greatest room is of all: no more than what that leaves the one that is short first.
    whole, most = int(greatest[chosen].sum()), greatest[chosen, None]
    power, room = ((rows[chosen] * whole // most).min(axis=0) for rows in (powers, rooms))
    return FlexBand(price_e4_per_kwh, _row(power), _row(room))


def _that_add(powers: Ints, rooms: Ints, greatest: Ints) -> list[int]:
    """Which rows are taken together, the largest first: one that has little while others have much would hold all back."""
    chosen, whole, best = list[int](), 0.0, 0.0
    least = np.full(powers.shape[1], np.inf), np.full(powers.shape[1], np.inf)
    for number in np.argsort(-greatest, kind="stable").tolist():
        power, room = (
            np.minimum(old, rows[number] / greatest[number]) for old, rows in zip(least, (powers, rooms), strict=True)
        )
        worth = (whole + greatest[number]) * float(np.minimum(power, room).sum())
        if worth > best:
            chosen, whole, best, least = [*chosen, number], whole + greatest[number], worth, (power, room)
    return chosen


def _row(values: Ints) -> tuple[int, ...]:
    return tuple(values.tolist())
