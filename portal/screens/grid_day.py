"""A local day of the grid: what was measured, then what is expected, as power flows of the site's network."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import cast

import numpy as np

from cim.model.arrays import Floats, Ints
from cim.model.intervals import LocalDay
from cim.platform.publications.agreements import AssetsRegistered
from cim.platform.publications.grid import PrognosisReplaced
from cim.platform.publications.trading import PrognosisTaken
from cim.platform.store import values
from portal.screens.measured import DayMeasured
from portal.screens.seen import Seen
from portal.sources import GridFlow, GridSource

_WEATHER = frozenset({"pv", "wind"})  # kinds whose feed-in goes with the weather


@dataclass(frozen=True)
class GridDay:
    """A day of T ISPs.

    Attributes:
        day: which.
        sort: of each ISP `measured`, `expected` or `` (nothing is known).
        power_w: by connection, [T] net power, as measured or expected; NaN where not known.
        flow: of the whole; rows of ISPs of which nothing is known are NaN.
        unseen: of each ISP, how many connections' meters were not seen; they count as 0 W.
    """

    day: LocalDay
    sort: tuple[str, ...]
    power_w: dict[str, Floats]
    reactive_var: dict[str, Floats]
    flow: GridFlow
    unseen: tuple[int, ...]

    @property
    def measured(self) -> list[int]:
        """The ISPs (from 0) that were measured."""
        return [place for place, sort in enumerate(self.sort) if sort == "measured"]


def grid_day(seen: Seen, grid: GridSource, day: LocalDay) -> GridDay:
    """The grid on a day; made once for the same measurements and prognoses."""
    measured = seen.measured.day(day, seen.now)
    prognoses = _prognoses(seen, day)
    key = f"grid {hash(tuple((point, tuple(row)) for point, row in prognoses.items()))}"
    return cast("GridDay", seen.measured.once(key, day, measured, lambda: _made(seen, grid, day, measured, prognoses)))


def _made(seen: Seen, grid: GridSource, day: LocalDay, measured: DayMeasured, prognoses: dict[str, Floats]) -> GridDay:
    drawing, count = grid.drawing, day.count
    nothing = np.full(count, np.nan)
    power = {name: measured.net_w.get(meter, nothing).copy() for name, meter in drawing.meter_of.items()}
    reactive = {
        name: np.nan_to_num(measured.reactive_var.get(meter, nothing)) for name, meter in drawing.meter_of.items()
    }
    known = np.sum([np.isfinite(row) for row in power.values()], axis=0)
    past = np.array([day.isp_start(number + 1) <= seen.now for number in range(1, count + 1)])
    is_measured = past & (known > 0)
    expected = expected_powers(seen, grid, day, prognoses)
    is_expected = ~is_measured & ~past & bool(expected)
    for name, row in power.items():
        row[~is_measured] = np.nan
        if name in expected:
            row[is_expected] = expected[name][is_expected]
    usable = np.flatnonzero(is_measured | is_expected)
    flow = _flow(grid, power, reactive, usable, count)
    sort = tuple(
        "measured" if is_measured[place] else "expected" if is_expected[place] else "" for place in range(count)
    )
    unseen = tuple(len(power) - int(known[place]) if is_measured[place] else 0 for place in range(count))
    return GridDay(day, sort, power, reactive, flow, unseen)


def _flow(
    grid: GridSource, power: dict[str, Floats], reactive: dict[str, Floats], usable: Ints, count: int
) -> GridFlow:
    drawing = grid.drawing
    voltage = np.full((count, len(drawing.nodes)), np.nan)
    loading = np.full((count, len(drawing.branches)), np.nan)
    slack, losses = np.full(count, np.nan), np.full(count, np.nan)
    if len(usable):
        found = grid.flow(
            {name: np.nan_to_num(row[usable]) for name, row in power.items()},
            {name: row[usable] for name, row in reactive.items()},
        )
        voltage[usable], loading[usable] = found.voltage_pu, found.loading_pct
        slack[usable], losses[usable] = found.slack_w, found.losses_w
    return GridFlow(voltage, loading, slack, losses)


def newest_prognoses(seen: Seen, day: LocalDay) -> dict[tuple[str, str], tuple[int, ...]]:
    """By (seller, congestion point) what its portfolio there is expected to draw in each ISP, by the newest prognosis, W."""
    newest: dict[tuple[str, str], tuple[int, tuple[int, ...]]] = {}
    told: list[PrognosisTaken | PrognosisReplaced] = [
        *seen.of_day(PrognosisTaken, day),
        *seen.of_day(PrognosisReplaced, day),
    ]
    for one in told:
        key = (one.seller, one.congestion_point)
        if len(one.power_w) == day.count and one.revision >= newest.get(key, (0, ()))[0]:
            newest[key] = (one.revision, one.power_w)
    return {key: power for key, (_, power) in newest.items()}


def _prognoses(seen: Seen, day: LocalDay) -> dict[str, Floats]:
    """By congestion point what all sellers' portfolios there are expected to draw."""
    points: dict[str, Floats] = {}
    for (_, point), power in newest_prognoses(seen, day).items():
        points[point] = points.get(point, np.zeros(day.count)) + np.array(power, dtype=np.float64)
    return points


def expected_powers(seen: Seen, grid: GridSource, day: LocalDay, prognoses: Mapping[str, Floats]) -> dict[str, Floats]:
    """By connection [ISPs] W, its share of its point's prognoses: its last measured day, moved so that the point's sum is kept.

    Before a whole day was measured: what is known of this one, moved by what is registered at each connection, since a plant
    and a home move by other powers.
    """
    if not prognoses:
        return {}
    drawing, count = grid.drawing, day.count
    before = seen.today if day.day > seen.today.day else day.next(-1)
    shape = seen.measured.day(before, seen.now).net_w
    first_day = not any(np.isfinite(row).any() for row in shape.values())
    if first_day:
        shape = {meter: _mean_of(row) for meter, row in seen.measured.day(day, seen.now).net_w.items()}
    rated = _rated(seen) if first_day else {}
    found: dict[str, Floats] = {}
    for point, foretold in prognoses.items():
        own = [name for name, points in drawing.points_of.items() if points[:1] == (point,)]
        rows = np.array([_fitted(shape.get(drawing.meter_of[name]), count) for name in own])
        if not own:
            continue
        more = foretold - rows.sum(axis=0)
        share = np.abs(rows) + 1.0
        if rated:
            draws, gives = (np.array([rated.get(name, (0.0, 0.0))[way] for name in own])[:, None] for way in (0, 1))
            share = np.where(more < 0, gives, draws) + 1.0
        moved = rows + share / share.sum(axis=0) * more
        found |= dict(zip(own, moved, strict=True))
    return found


def _mean_of(row: Floats) -> Floats:
    """The mean of what was measured, in each ISP."""
    known = row[np.isfinite(row)]
    return np.full(len(row), known.mean() if len(known) else 0.0)


def _rated(seen: Seen) -> dict[str, tuple[float, float]]:
    """By connection what its registered units may draw and may feed in that the weather moves (CHP runs as it runs), W."""
    assets = {asset.name: asset for told in values(seen.store, AssetsRegistered) for asset in told.assets}
    found: dict[str, tuple[float, float]] = {}
    for name, asset in assets.items():
        home = name.partition(".")[0]
        draws, gives = found.get(home, (0.0, 0.0))
        weather = abs(asset.max_generation_w) if asset.kind in _WEATHER else 0.0
        found[home] = draws + asset.max_consumption_w, gives + weather
    return found


def _fitted(row: Floats | None, count: int) -> Floats:
    """A day's row for a day of another length (the clocks change), with nothing where nothing was measured."""
    fitted = np.zeros(count)
    if row is not None:
        kept = np.nan_to_num(row)[:count]
        fitted[: len(kept)] = kept
    return fitted
