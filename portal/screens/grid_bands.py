"""What may come of a local day: the grid with all forecasts at their 10, 50 and 90 %, as power flows of the site's network."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final, cast

import numpy as np

from cim.model.arrays import Floats
from cim.model.intervals import LocalDay
from cim.platform.publications.grid import PortfolioBand
from portal.screens.grid_day import expected_powers, newest_prognoses
from portal.screens.markup import Line
from portal.screens.seen import Seen
from portal.sources import GridFlow, GridSource

QUANTILES: Final = ("10 %", "50 %", "90 %")


@dataclass(frozen=True)
class GridBands:
    """A day's grid at each of `QUANTILES` of the forecasts, of all sellers at once: errors of one sky go together.

    Attributes:
        told_at: when the oldest of the bands that count was told; UTC.
        flows: at each quantile, in that order.
    """

    told_at: datetime
    flows: tuple[GridFlow, GridFlow, GridFlow]

    @property
    def voltage_pu(self) -> Floats:
        """[3, ISPs, nodes]: what comes is below these with a chance of 10, 50, 90 %; more consumption lowers every voltage."""
        return np.sort([flow.voltage_pu for flow in self.flows], axis=0)

    @property
    def loading_pct(self) -> Floats:
        """[3, ISPs, branches] with all forecasts at 10, 50, 90 %: no quantiles of the loading, as either may load a branch more."""
        return np.array([flow.loading_pct for flow in self.flows])


def grid_bands(seen: Seen, grid: GridSource, day: LocalDay) -> GridBands | None:
    """By the bands that the DSO told last; made once for the same measurements and bands. None: nobody told any."""
    told = {
        (one.seller, one.congestion_point): one
        for one in seen.of_day(PortfolioBand, day)
        if len(one.low_w) == len(one.median_w) == len(one.high_w) == day.count
    }
    if not told:
        return None
    measured = seen.measured.day(day, seen.now)
    key = f"bands {hash(tuple(sorted(told.items())))}"
    return cast("GridBands", seen.measured.once(key, day, measured, lambda: _made(seen, grid, day, told)))


def _made(seen: Seen, grid: GridSource, day: LocalDay, told: dict[tuple[str, str], PortfolioBand]) -> GridBands:
    rest = {key: power for key, power in newest_prognoses(seen, day).items() if key not in told}
    reactive = seen.measured.day(day, seen.now).reactive_var
    var = {
        name: np.nan_to_num(reactive.get(meter, np.zeros(day.count))) for name, meter in grid.drawing.meter_of.items()
    }
    flows = []
    for quantile in ("low_w", "median_w", "high_w"):
        points: dict[str, Floats] = {}
        given = {key: getattr(band, quantile) for key, band in told.items()} | rest
        for (_, point), power in given.items():
            points[point] = points.get(point, np.zeros(day.count)) + np.array(power, dtype=np.float64)
        expected = expected_powers(seen, grid, day, points)
        flows.append(grid.flow({name: expected.get(name, np.zeros(day.count)) for name in var}, var))
    return GridBands(min(one.at for one in told.values()), (flows[0], flows[1], flows[2]))


def band_lines(seen: Seen, bands: GridBands | None, rows: Floats, words: str = "") -> list[Line]:
    """[3, ISPs] as lines of a chart; none where there are no bands."""
    if bands is None:
        return []
    told = f"{seen.local(bands.told_at):%d %b %H:%M}"
    return [
        Line(f"{words}{name}, told {told}", row, "baseline" if name == "50 %" else "quiet")
        for name, row in zip(QUANTILES, rows, strict=True)
    ]


def edge_lines(seen: Seen, bands: GridBands | None) -> list[Line]:
    """The lowest node's voltage with a chance of 10 %, and the highest node's with one of 90 %."""
    if bands is None:
        return []
    told, rows = f"told {seen.local(bands.told_at):%d %b %H:%M}", bands.voltage_pu
    return [
        Line(f"lowest node, 10 %, {told}", rows[0].min(axis=1), "quiet"),
        Line(f"highest node, 90 %, {told}", rows[2].max(axis=1), "quiet"),
    ]
