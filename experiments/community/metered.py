"""What the meters of connections counted, quarter-hour by quarter-hour: a month of the profile year, or a run by its telemetry."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path

import numpy as np

from cim.model.arrays import Floats, Ints
from cim.model.errors import BadInput
from cim.model.intervals import LocalDay
from cim.model.readings import Kind, Quality
from environment.physics.world import World
from environment.profiles.library import load
from environment.sites.schema import Site

MEASURED, SUBSTITUTE, MISSING = 1, 2, 3  # L1, L2, L3


@dataclass(frozen=True, eq=False)
class Metered:
    """Days in a row, and by prosumer what its meter counted in each of their ISPs.

    Attributes:
        taken_wh, given_wh: [T] from and to the grid, whole watt-hours.
        quality: [T] 1 measured, 2 substitute, 3 missing (0 Wh).
    """

    days: tuple[LocalDay, ...]
    taken_wh: dict[str, Ints]
    given_wh: dict[str, Ints]
    quality: dict[str, Ints]


def month_of(site: Site, text: str | None) -> tuple[LocalDay, ...]:
    """The local days of a month (`2016-05`); that of the site's default day where none is said.

    Raises:
        BadInput: another form, or the profiles do not cover the month.
    """
    said = f"{site.default_day:%Y-%m}" if text is None else text
    if not re.fullmatch(r"\d{4}-(0[1-9]|1[0-2])", said):
        raise BadInput(f"month: {said!r}; expected for example {site.default_day:%Y-%m}")
    first = LocalDay(date(int(said[:4]), int(said[5:]), 1), site.timezone, site.isp_minutes)
    after = LocalDay(date(first.day.year + first.day.month // 12, first.day.month % 12 + 1, 1), site.timezone)
    profiles = load(site.profiles)
    if first.start < profiles.first or after.start > profiles.last:
        raise BadInput(
            f"month: {said} is outside {profiles.name}; expected {profiles.first:%Y-%m-%d} to {profiles.last:%Y-%m-%d}"
        )
    return tuple(first.next(k) for k in range((after.day - first.day).days))


def lived(site: Site, days: tuple[LocalDay, ...], seed: int) -> Metered:
    """Days of the profile year, lived through by each device's own rule: batteries serve their home, vehicles charge at once."""
    profiles = load(site.profiles)
    begin = max(profiles.first, days[0].next(-1).start)  # batteries begin the first day as the day before left them
    world = World(site, profiles, begin, seed)
    world.advance(days[-1].end)
    truth = world.truth(days[0].start, days[-1].end)
    taken, given = {}, {}
    for name, (active_w, _) in truth.items():
        taken[name] = counted_wh(np.maximum(active_w, 0), site.isp_minutes)
        given[name] = counted_wh(np.maximum(-active_w, 0), site.isp_minutes)
    return Metered(days, taken, given, {name: np.full(len(row), MEASURED) for name, row in taken.items()})


def counted_wh(power_w: Ints, isp_minutes: int) -> Ints:
    """[T] what a register of whole watt-hours counts in each ISP of mean powers >= 0: what is cut off comes in the next."""
    count = np.concatenate(([0], np.cumsum(power_w, dtype=np.int64) * isp_minutes // 60))
    return np.asarray(np.diff(count), dtype=np.int64)


def metered_of_run(folder: Path, site: Site) -> Metered:
    """What a finished run's meters told of its days.

    Raises:
        BadInput: the folder holds no summary, or no telemetry of the site's meters.
    """
    days = run_days(folder, site)
    if not any((folder / "telemetry").glob("readings-*.parquet")):
        raise BadInput(f"{folder}: no telemetry; expected a finished run's folder")
    instants = [day.isp_start(k) for day in days for k in range(1, day.count + 1)] + [days[-1].end]
    counters = _counters(folder / "telemetry", [prosumer.meter for prosumer in site.prosumers], instants)
    taken, given, quality = {}, {}, {}
    for prosumer in site.prosumers:
        name, found = prosumer.name, counters[prosumer.meter]
        taken[name], quality_in = energies_of(found[Kind.ENERGY_IMPORT], instants)
        given[name], quality_out = energies_of(found[Kind.ENERGY_EXPORT], instants)
        quality[name] = np.maximum(quality_in, quality_out)
    return Metered(days, taken, given, quality)


def _counters(
    folder: Path, meters: Sequence[str], instants: Sequence[datetime]
) -> dict[str, dict[Kind, dict[datetime, float]]]:
    """Meter -> import and export counter -> good readings between the first and the last instant; each part is read once."""
    import pyarrow as pa
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    kinds = (Kind.ENERGY_IMPORT, Kind.ENERGY_EXPORT)
    found: dict[str, dict[Kind, dict[datetime, float]]] = {meter: {kind: {} for kind in kinds} for meter in meters}
    for part in sorted(folder.glob("readings-*.parquet")):
        table = pq.ParquetFile(part).read(["source", "kind", "value", "at", "quality"])
        wanted = pc.and_(
            pc.is_in(table["source"].cast(pa.string()), pa.array(meters)),
            pc.is_in(table["kind"].cast(pa.string()), pa.array([kind.value for kind in kinds])),
        )
        rows = table.filter(pc.and_(wanted, pc.equal(table["quality"].cast(pa.string()), Quality.GOOD.value)))
        for row in rows.to_pylist():
            at = row["at"].astimezone(UTC)
            if instants[0] <= at <= instants[-1]:
                found[row["source"]][Kind(row["kind"])][at] = row["value"]
    return found


def energies_of(counter: Mapping[datetime, float], instants: Sequence[datetime]) -> tuple[Ints, Ints]:
    """([T] Wh, [T] quality) between instants from a counter's good readings.

    Where it was not read at an instant, what it counted between two readings is spread evenly (L2); what lies before its first or
    behind its last reading is missing (L3).
    """
    known = np.array([at in counter for at in instants])
    if not known.any():
        return np.zeros(len(instants) - 1, dtype=np.int64), np.full(len(instants) - 1, MISSING)
    seconds: Floats = np.array([at.timestamp() for at in instants])
    read = np.flatnonzero(known)
    values = np.array([counter[instants[k]] for k in read.tolist()])
    count = np.floor(np.interp(seconds, seconds[read], values)).astype(np.int64)
    quality = np.where(known[:-1] & known[1:], MEASURED, SUBSTITUTE)
    quality[: read[0]] = MISSING
    quality[read[-1] :] = MISSING
    return np.maximum(np.diff(count), 0), quality


def run_days(folder: Path, site: Site) -> tuple[LocalDay, ...]:
    """The days of a finished run, by its summary."""
    summary = run_summary(folder)
    first = LocalDay(date.fromisoformat(str(summary["from"])), site.timezone, site.isp_minutes)
    return tuple(first.next(k) for k in range(int(str(summary["days"]))))


def run_summary(folder: Path) -> dict[str, object]:
    """A finished run's summary.

    Raises:
        BadInput: there is none.
    """
    path = folder / "summary.json"
    if not path.is_file():
        raise BadInput(f"{folder}: no summary.json; expected a finished run's folder")
    found: dict[str, object] = json.loads(path.read_text(encoding="utf-8"))
    return found
