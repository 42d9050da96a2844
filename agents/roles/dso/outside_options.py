"""What relief costs the DSO by other means than the market: its own curtailment, at most a stronger grid."""

from __future__ import annotations

import numpy as np

from agents.roles.dso.config import DsoConfig
from cim.model.arrays import Floats
from cim.model.intervals import LocalDay


class OutsideOptions:
    """Prices by congestion point, from the tariffs of the plants below it; it remembers nothing."""

    def __init__(self, config: DsoConfig, isp_hours: float) -> None:
        self._config, self._hours = config, isp_hours

    def e4_per_kw(self, point: str, day: LocalDay, need_kw: Floats) -> Floats:
        """[T] what a kW of the need that is not ordered costs by other means, ten-thousandths per ISP.

        Feed-in can be limited: at what its plants' tariffs earn by their rating, times what a last resort may cost more.
        Of the other direction, and above it, there is only a stronger grid.
        """
        prices, control = self._config.outside, self._config.curtailing
        most = np.full(day.count, float(prices.reinforcement_e4_per_kwh))
        plants = [] if control is None else [plant for plant in control.plants if point in plant.points]
        if plants:
            rated_w = np.array([plant.rated_w for plant in plants], dtype=np.float64)
            earned = np.array([plant.tariff.rates(day).feed_in_e4_per_mwh / 1000 for plant in plants])
            mean = np.maximum((rated_w @ earned) / rated_w.sum(), 0.0)
            most = np.where(need_kw > 0, np.minimum(mean * prices.last_resort_pct / 100, most), most)
        return most * self._hours
