"""One outage of a site's year as the physical world: loads and sun quarter-hour by quarter-hour, whoever leads the island."""

from __future__ import annotations

from datetime import datetime, timedelta

import numpy as np

from cim.model.arrays import Floats
from environment.outages import Outage
from environment.physics import frequency as f
from environment.physics.island import TRACE_COLUMNS, Island, IslandLimits, separated
from environment.physics.island_year import IslandYear
from environment.profiles.library import QUARTER, QUARTER_S

SLIP_HZ = 0.05  # how much faster than mains the island runs while its breaker looks for their phase


class IslandEvent:
    """An island from the instant before mains are lost until it is one with them again.

    What is ordered before the first `run_to` is armed: it is carried out `separation_s` after the loss of mains.

    Args:
        stored_wh, battery_w: the forming battery when mains are lost; what it gives is > 0.
        traced: keep every second.

    Attributes:
        seconds: since the loss of mains; 0 while they are still there.
        dark_s: how long there was no frequency.
    """

    def __init__(
        self,
        year: IslandYear,
        limits: IslandLimits,
        outage: Outage,
        *,
        stored_wh: float,
        battery_w: float,
        separation_s: float,
        traced: bool = False,
    ) -> None:
        self.year, self.outage = year, outage
        self._separation_s, self._traced, self._separated = separation_s, traced, False
        quarter = self.quarter(outage.start)
        self.island: Island = separated(
            limits,
            stored_wh=stored_wh,
            battery_w=battery_w,
            chp_w=float(year.chp_w[quarter]) if outage.chp_ready else 0.0,
            sun_w=float(year.sun_w[quarter]),
            stages=year.load_w.shape[0],
        )
        self._armed = dict[str, float]()
        self._armed_stages = np.ones(year.load_w.shape[0])
        self._traces: list[Floats] = []
        self.dark_s = 0

    @property
    def seconds(self) -> int:
        """Since the loss of mains."""
        return self.island.seconds

    @property
    def now(self) -> datetime:
        """The instant it has reached."""
        return self.outage.start + timedelta(seconds=self.island.seconds)

    @property
    def lost(self) -> bool:
        """Whether the island has separated and is not back yet."""
        return self._separated and not self.island.connected

    @property
    def mains(self) -> bool:
        """Whether mains have voltage now."""
        return not self._separated or self.island.seconds >= self.outage.seconds

    @property
    def trace(self) -> Floats:
        """[seconds, ...] see `frequency.advance`."""
        width = TRACE_COLUMNS + self.island.closed.size
        return np.concatenate([np.zeros((0, width)), *self._traces])

    def quarter(self, instant: datetime) -> int:
        """The quarter-hour of the year that an instant lies in."""
        return int((instant - self.year.first) // QUARTER)

    def loads_w(self) -> Floats:
        """[stages] what each draws now, were it connected."""
        return np.ascontiguousarray(self.year.load_w[:, self.quarter(self.now)])

    def sun_w(self) -> float:
        """What sun and wind could give now."""
        return float(self.year.sun_w[self.quarter(self.now)])

    def engine(self, power_w: float) -> None:
        """What the CHP plant is to give at nominal frequency; 0 stops it. Out of order it does nothing."""
        wanted = power_w if self.outage.chp_ready else 0.0
        if self._separated:
            self.island.orders.chp_w = wanted
        else:
            self._armed["chp_w"] = wanted

    def limit_sun(self, limit_w: float) -> None:
        """Most that inverters may give together."""
        if self._separated:
            self.island.orders.sun_limit_w = limit_w
        else:
            self._armed["sun_limit_w"] = limit_w

    def connect(self, stage: int, on: bool) -> None:
        """Connect or shed a stage."""
        (self.island.closed if self._separated else self._armed_stages)[stage] = float(on)

    def start(self) -> None:
        """The battery forms the dark island, with the stages that are connected."""
        if self._separated and not self.island.lit:
            self.island.start_black(self.island.closed.copy())

    def stop(self) -> None:
        """The battery lets the island go dark."""
        if self._separated and self.island.lit:
            f.go_dark(self.island.state)

    def close(self, wanted: bool) -> None:
        """Close to mains when in step with them; a dark island at once, where mains have voltage."""
        orders = self.island.orders
        orders.close = wanted and self.mains
        orders.hold_hz = float(self.island.limits.values[f.NOMINAL_HZ]) + (SLIP_HZ if orders.close else 0.0)
        if orders.close and self._separated and not self.island.lit:
            self.island.state[f.CONNECTED] = 1.0

    def run_to(self, instant: datetime) -> None:
        """Move on to an instant (whole seconds after the loss of mains), or until it is one with mains again."""
        target = round((instant - self.outage.start).total_seconds())
        if target > 0 and not self._separated:
            self._separate()
        while self.island.seconds < target and not self.island.connected:
            into = (self.now - self.year.first) % QUARTER
            step = min(target - self.island.seconds, QUARTER_S - int(into.total_seconds()))
            was_lit = self.island.lit
            self._traces.append(self.island.advance(step, self.loads_w(), self.sun_w(), traced=self._traced))
            self.dark_s += step * (not was_lit)

    def _separate(self) -> None:
        self._separated = True
        self.island.separate(self._separation_s, self.loads_w(), self.sun_w())
        self.island.closed[:] = np.minimum(self.island.closed, self._armed_stages)
        orders = self.island.orders
        orders.chp_w = self._armed.get("chp_w", orders.chp_w)
        orders.sun_limit_w = self._armed.get("sun_limit_w", orders.sun_limit_w)
