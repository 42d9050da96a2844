"""What members share: the price of energy, a peak cost that grows with the square of the sum, import and export caps.

    cost(z) = sum_t h price_t z_t + peak/2 z_t^2 + h excess_price x_t + softness/2 x_t^2,   x_t = how far z_t is beyond its cap

The caps are hard as long as members can keep to them: the price of an excess is far above what any member asks, so there
is one only where all together cannot do better, and then it is the least. Its small square spreads it over the intervals.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from cim.codec.codec import wire
from cim.model.arrays import Floats
from cim.model.errors import BadInput

EXCESS_CT_PER_KWH = 1000.0  # of power beyond a cap: some twenty times what a member's own costs come to
SOFTEST_KW = 0.05


@wire("plan.CapBroken")
@dataclass(frozen=True, slots=True)
class CapBroken:
    """A cap that could not be kept: which interval (from 0), which cap ("import" or "export"), its kW and the excess."""

    isp: int
    cap: str
    cap_kw: float
    excess_kw: float


@wire("plan.Coupling")
@dataclass(frozen=True, slots=True)
class Coupling:
    """The shared costs and caps over T intervals.

    Attributes:
        price_ct_per_kwh: [T] of energy taken, and paid for energy given.
        peak_ct_per_kw2: of the sum's square, per interval; > 0.
        import_kw, export_kw: [T] most that all together may take and give, >= 0.
        hours: length of an interval.
        excess_ct_per_kwh: what a kWh beyond a cap costs.
    """

    price_ct_per_kwh: Floats
    peak_ct_per_kw2: float
    import_kw: Floats
    export_kw: Floats
    hours: float
    excess_ct_per_kwh: float = EXCESS_CT_PER_KWH

    def __post_init__(self) -> None:
        for name, value in (
            ("peak_ct_per_kw2", self.peak_ct_per_kw2),
            ("hours", self.hours),
            ("excess_ct_per_kwh", self.excess_ct_per_kwh),
        ):
            if not 0 < value < np.inf:
                raise BadInput(f"coupling: {name} is {value}; expected more than 0")
        if (wrong := np.flatnonzero(~np.isfinite(self.price_ct_per_kwh))).size:
            raise BadInput(
                f"coupling: price_ct_per_kwh[{wrong[0]}] is {self.price_ct_per_kwh[wrong[0]]}; expected a number"
            )
        for name, cap in (("import_kw", self.import_kw), ("export_kw", self.export_kw)):
            if len(cap) != len(self.price_ct_per_kwh):
                raise BadInput(f"coupling: {name} has {len(cap)} intervals; expected {len(self.price_ct_per_kwh)}")
            if (wrong := np.flatnonzero(~(cap >= 0))).size:
                raise BadInput(f"coupling: {name}[{wrong[0]}] is {cap[wrong[0]]}; expected 0 or more")

    @property
    def softness(self) -> tuple[Floats, Floats]:
        """ct/kW^2 of an excess beyond import and export cap: as large as the cap, an excess costs twice its price."""
        dear = self.excess_ct_per_kwh * self.hours
        return dear / np.maximum(self.import_kw, SOFTEST_KW), dear / np.maximum(self.export_kw, SOFTEST_KW)

    def tightened(self, share: float) -> Coupling:
        """The same with a share less of both caps, so that what is missing when the rounds end is no excess."""
        return replace(self, import_kw=self.import_kw * (1 - share), export_kw=self.export_kw * (1 - share))

    def cost_ct(self, total_kw: Floats) -> float:
        """What a sum [T] costs."""
        over, under = self.excess_kw(total_kw)
        soft_over, soft_under = self.softness
        shared = self.hours * float(self.price_ct_per_kwh @ total_kw) + self.peak_ct_per_kw2 / 2 * float(
            total_kw @ total_kw
        )
        dear = self.hours * self.excess_ct_per_kwh * float(over.sum() + under.sum())
        return shared + dear + float(soft_over @ (over * over) + soft_under @ (under * under)) / 2

    def excess_kw(self, total_kw: Floats) -> tuple[Floats, Floats]:
        """[T] beyond the import cap, and [T] beyond the export cap."""
        return np.maximum(total_kw - self.import_kw, 0.0), np.maximum(-total_kw - self.export_kw, 0.0)

    def nearest(self, wished_kw: Floats, pull_ct: Floats, weight: float) -> tuple[Floats, Floats]:
        """argmin_z cost(z) - pull . z + weight/2 |z - wished|^2: [T] z, and [T] dz / d pull."""
        curvature = self.peak_ct_per_kw2 + weight
        wish = pull_ct + weight * wished_kw - self.price_ct_per_kwh * self.hours
        free = wish / curvature
        dear = self.excess_ct_per_kwh * self.hours
        soft_over, soft_under = self.softness
        over = (wish - curvature * self.import_kw - dear) / (curvature + soft_over)
        under = (-wish - curvature * self.export_kw - dear) / (curvature + soft_under)
        z = np.clip(free, -self.export_kw, self.import_kw) + np.maximum(over, 0.0) - np.maximum(under, 0.0)
        slope = np.where((free > -self.export_kw) & (free < self.import_kw), 1 / curvature, 0.0)
        slope = np.where(over > 0, 1 / (curvature + soft_over), slope)
        return z, np.where(under > 0, 1 / (curvature + soft_under), slope)

    def supply(self, price_ct_per_kwh: Floats) -> tuple[Floats, Floats]:
        """The sum [T] that is worth most where a kWh of it earns `price`, and how it grows with it, kW per ct/kWh."""
        z, slope = self.nearest(np.zeros(len(price_ct_per_kwh)), price_ct_per_kwh * self.hours, 0.0)
        return z, slope * self.hours

    def least_ct(self, price_ct_per_kwh: Floats) -> float:
        """min_z cost(z) - h price . z, the coupling's part of the lower bound."""
        z, _ = self.supply(price_ct_per_kwh)
        return self.cost_ct(z) - self.hours * float(price_ct_per_kwh @ z)

    def broken(self, total_kw: Floats, tolerance_kw: float = 1e-6) -> tuple[CapBroken, ...]:
        """The caps that a sum [T] does not keep, by interval."""
        over, under = self.excess_kw(total_kw)
        sides = (("import", over, self.import_kw), ("export", under, self.export_kw))
        return tuple(
            CapBroken(t, name, float(cap[t]), float(excess[t]))
            for t in range(len(total_kw))
            for name, excess, cap in sides
            if excess[t] > tolerance_kw
        )
