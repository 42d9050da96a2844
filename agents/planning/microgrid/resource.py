"""A flexible resource as a plan sees it: a battery, a CHP plant, or an aggregator's portfolio as one point."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from cim.codec.codec import wire
from cim.model.arrays import Floats
from cim.model.errors import BadInput

_TINY = 1e-6


@wire("plan.FlexResource")
@dataclass(frozen=True, slots=True)
class FlexResource:
    """Bounds and costs of one resource over T intervals; power is kW, + = consumption, energy kWh.

    What it does off its baseline is stored: `efficiency` of what it takes more, and 1/`efficiency` of what it takes less,
    counts in its energy. A battery's baseline is nothing and its energy is its charge. An aggregator's energy is what its
    members have been moved by so far, that of a CHP plant the gas in store (what it makes less, it keeps).

    Attributes:
        baseline_kw, low_kw, high_kw: [T] with low <= baseline <= high.
        floor_kwh, ceiling_kwh: [T] bounds of the energy at the end of each interval.
        energy_kwh: at the beginning.
        up_ct_per_kwh, down_ct_per_kwh: what taking more, and taking less, than the baseline costs; their sum is not negative.
        ramp_kw: most change from one interval to the next; infinite: none.
    """

    name: str
    baseline_kw: Floats
    low_kw: Floats
    high_kw: Floats
    floor_kwh: Floats
    ceiling_kwh: Floats
    energy_kwh: float
    up_ct_per_kwh: float
    down_ct_per_kwh: float
    efficiency: float = 1.0
    ramp_kw: float = float("inf")

    def __post_init__(self) -> None:
        rows = (self.baseline_kw, self.low_kw, self.high_kw, self.floor_kwh, self.ceiling_kwh)
        if len({len(row) for row in rows}) > 1:
            raise BadInput(f"{self.name}: rows of {sorted({len(row) for row in rows})} intervals; expected one length")
        if np.any(self.low_kw > self.baseline_kw) or np.any(self.baseline_kw > self.high_kw):
            raise BadInput(f"{self.name}: baseline_kw outside low_kw to high_kw; expected it between them")
        if self.up_ct_per_kwh + self.down_ct_per_kwh < 0:
            raise BadInput(
                f"{self.name}: up_ct_per_kwh {self.up_ct_per_kwh} and down_ct_per_kwh {self.down_ct_per_kwh} add up "
                "to less than 0; expected that moving there and back costs something"
            )
        if not 0 < self.efficiency <= 1:
            raise BadInput(f"{self.name}: efficiency {self.efficiency}; expected more than 0 and at most 1")

    def stored_kwh(self, power_kw: Floats, hours: float, energy_kwh: float | None = None) -> Floats:
        """[T] the energy at the end of each interval when it runs at `power_kw` from `energy_kwh` on (else its own)."""
        off = power_kw - self.baseline_kw
        gained = np.where(off > 0, off * self.efficiency, off / self.efficiency) * hours
        begun = self.energy_kwh if energy_kwh is None else energy_kwh
        return begun + np.cumsum(gained)

    def cost_ct(self, power_kw: Floats, hours: float) -> float:
        """What running at `power_kw` costs it, hundredths of the currency unit."""
        off = power_kw - self.baseline_kw
        return float(np.sum(np.where(off > 0, off * self.up_ct_per_kwh, -off * self.down_ct_per_kwh)) * hours)

    def can(
        self, power_kw: Floats, hours: float, *, since: int = 0, energy_kwh: float | None = None, slack: float = 1e-4
    ) -> bool:
        """Whether it can run at `power_kw` from interval `since` on, having `energy_kwh` then (else its own)."""
        left = slice(since, None)
        begun = self.energy_kwh if energy_kwh is None else energy_kwh
        off = (power_kw - self.baseline_kw)[left]
        stored = begun + np.cumsum(np.where(off > 0, off * self.efficiency, off / self.efficiency)) * hours
        steps = np.abs(np.diff(power_kw[max(since - 1, 0) :]))
        return bool(
            np.all(power_kw[left] >= self.low_kw[left] - slack)
            and np.all(power_kw[left] <= self.high_kw[left] + slack)
            and np.all(stored >= self.floor_kwh[left] - slack)
            and np.all(stored <= self.ceiling_kwh[left] + slack)
            and np.all(steps <= self.ramp_kw + slack)
        )
