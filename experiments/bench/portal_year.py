"""The portal's pages in a browser over a year of data and 10,000 agents: a run's day told 365 times, and 10,000 homes."""

from __future__ import annotations

import asyncio
import multiprocessing
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import fields, is_dataclass, replace
from datetime import UTC, date, datetime, timedelta
from itertools import chain, islice
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Final, TypeVar, cast

from cim.model.readings import Kind
from cim.platform.columns import Row, row_of, table_of
from cim.platform.parquet_store import PART, ParquetStore
from cim.platform.publications.agreements import AssetsRegistered, RegisteredAsset, UnitMoved, UnitsMoved
from cim.platform.publications.base import Publication
from cim.platform.publications.families import FAMILIES, family_name
from cim.platform.publications.site import Party, SiteDescribed
from cim.platform.published import PublishedTables
from cim.platform.readings.batch import ReadingBatch
from cim.platform.readings.columns import batch_schema
from cim.platform.readings.storage import readings_place
from cim.platform.readings.table import ReadingsTable
from cim.platform.store import Told
from environment.sites.loader import load_site
from experiments.bench.figures import Figures
from experiments.bench.portal_site import AGENTS, TOKEN, agents_health
from pilot.page_sources import sources_of
from portal.app import create_app
from portal.dso import dso_state
from portal.live_data import LiveData
from portal.market import MarketRows
from portal.models import DsoState, Health
from portal.news import News
from portal.screens.catalogue import catalogue
from portal.server import serve

T = TypeVar("T")
DAYS = 365
_ONCE: Final = frozenset(
    {"site_described", "assets_registered", "template_published", "units_moved", "contract_agreed"}
)
# Names of things that are others each day; what refers to them is renamed likewise.
_NAMES: Final = frozenset(
    {"reference", "order_reference", "offer", "request", "option", "session", "number", "conversation"}
)
_COUNTERS: Final = (Kind.ENERGY_IMPORT.reading_type, Kind.ENERGY_EXPORT.reading_type)
_WAIT_MS = 60_000


def measure_year(tell: Callable[[str], None], day: Path | None = None) -> Figures:
    """Seconds from the call of each page until its text and charts stand, longest and median: of the first call, and of the next.

    Args:
        tell: is told what goes on.
        day: the folder of a finished day at Strem; it is run here where there is none, half a minute and more.
    """
    binary = shutil.which("chromium")
    if binary is None:
        return {}
    with tempfile.TemporaryDirectory() as place:
        if day is None:
            tell("running a day at Strem")
            day = Path(place) / "day"
            command = [
                sys.executable,
                "-m",
                "experiments.cli.main",
                "run",
                "strem",
                "--runtime",
                "local",
                "--out",
                str(day),
            ]
            subprocess.run(command, check=True, capture_output=True)  # noqa: S603 - our own command
        folder = Path(place) / "year"
        told, read = write_year(day, folder, tell)
        spent = _opened(folder, binary, tell)
    first, again = ([pair[number] for pair in spent.values()] for number in (0, 1))
    return {
        "year_publications": told,
        "year_readings": read,
        "year_pages": len(spent),
        "year_page_s": max(first),
        "year_page_median_s": statistics.median(first),
        "year_page_again_s": max(again),
        "year_page_again_median_s": statistics.median(again),
        "year_page_by_name_s": {name: pair[0] for name, pair in spent.items()},
    }


def write_year(day: Path, folder: Path, tell: Callable[[str], None]) -> tuple[int, int]:
    """How many publications and readings were written: a finished day's, for each of the 365 days up to it, and 10,000 homes."""
    folder.mkdir(parents=True)
    shutil.copytree(day / "data", folder / "data", ignore=shutil.ignore_patterns("readings"))
    shutil.copy(day / "ledger.db", folder / "ledger.db")
    tell("writing a year of publications")
    source = PublishedTables(day)
    told = sorted(
        (one for family in FAMILIES.values() for one in source.told(family)), key=lambda one: one.publication.at
    )
    count = _tables(folder / "publications", chain(_homes(told), _days(told)))
    tell("writing a year of readings")
    return count, _readings(day, folder)


def _tables(folder: Path, told: Iterable[Told[Publication]]) -> int:
    """Parts as the store leaves them, without its log; how many publications they have."""
    import pyarrow.parquet as pq

    folder.mkdir()
    number = 0
    for chunk in _batched(told, PART):
        rows, firsts = dict[str, list[Row]](), dict[str, int]()
        for one in chunk:
            number += 1
            row: Row = {"sequence": number, "told_by": one.agent, **row_of(one.publication)}
            name = _family(one.publication)
            rows.setdefault(name, []).append(row)
            firsts.setdefault(name, number)
        for name, found in rows.items():
            path = folder / f"{name}-{firsts[name]:08d}.parquet"
            pq.write_table(table_of(FAMILIES[name], found), path, compression="zstd")
    return number


def _batched(told: Iterable[Told[Publication]], size: int) -> Iterator[list[Told[Publication]]]:
    """Lists of so many, the last of what is left."""
    rest = iter(told)
    while chunk := list(islice(rest, size)):
        yield chunk


def _homes(told: Sequence[Told[Publication]]) -> Iterator[Told[Publication]]:
    """What is told once, a year before, with 10,000 homes of two units each."""
    ago = timedelta(days=DAYS - 1)
    described = next(one.publication for one in told if isinstance(one.publication, SiteDescribed))
    at, point = described.at - ago, described.points[0].congestion_point
    parties = tuple(Party(f"home-{n}", f"home-{n}.bench") for n in range(AGENTS))
    yield Told(1, "iles", replace(described, at=at, parties=(*described.parties, *parties)))
    for one in told:
        if _family(one.publication) in _ONCE and not isinstance(one.publication, SiteDescribed):
            yield Told(1, one.agent, _moved(one.publication, DAYS - 1))
    for first in range(0, AGENTS, 500):
        homes = range(first, first + 500)
        assets = tuple(
            RegisteredAsset(f"home-{n}.{kind}", kind, f"home-{n}.bench", f"ean.{n}", point, most, least, True, True)
            for n in homes
            for kind, most, least in (("battery", 5_000, -5_000), ("pv", 0, -8_000))
        )
        yield Told(1, f"home-{first}", AssetsRegistered(at, assets))
        units = tuple(
            UnitMoved(asset.name, "redispatch", "prequalified", "active", "agr.bench", point, "") for asset in assets
        )
        yield Told(1, "dso", UnitsMoved(at, "dso", units))


def _days(told: Sequence[Told[Publication]]) -> Iterator[Told[Publication]]:
    daily = [one for one in told if _family(one.publication) not in _ONCE]
    for ago in range(DAYS - 1, -1, -1):
        for one in daily:
            yield Told(1, one.agent, _moved(one.publication, ago))


def _family(one: Publication) -> str:
    return family_name(type(one))


def _moved(value: T, ago: int) -> T:
    """The same so many days before, under other names."""
    return cast("T", _earlier(value, ago))


def _earlier(value: object, ago: int) -> object:
    if isinstance(value, datetime | date):
        return value - timedelta(days=ago)
    if isinstance(value, tuple):
        return tuple(_earlier(one, ago) for one in value) if value and not isinstance(value[0], int | float) else value
    if is_dataclass(value) and not isinstance(value, type):
        changed: dict[str, object] = {}
        for one in fields(value):
            found = getattr(value, one.name)
            if isinstance(found, str):
                if one.name in _NAMES and ago:
                    changed[one.name] = f"{found}~{ago}"
            elif isinstance(found, datetime | date | tuple) or is_dataclass(found):
                changed[one.name] = _earlier(found, ago)
        return replace(value, **changed)
    return value


def _readings(day: Path, folder: Path) -> int:
    """What Strem's meters and devices showed each quarter-hour of the day, 365 times; counters go on counting."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc
    from deltalake import DeltaTable

    whole = DeltaTable(str(day / "data" / "readings")).to_pyarrow_table().select(batch_schema().names)
    last = pc.max(whole["begin"]).as_py().replace(hour=0, minute=0)
    begins = whole["begin"].cast(pa.int64()).to_numpy()
    first = int((last - timedelta(days=1)).timestamp() * 1e6)
    kept = (begins >= first) & (begins < first + 86_400_000_000) & (begins % 900_000_000 == 0)
    table = whole.filter(pa.array(kept)).cast(batch_schema())
    values = table["value"].to_numpy()
    keys = np.char.add(
        np.array(table["meter"].to_pylist(), dtype=str), np.array(table["reading_type"].to_pylist(), dtype=str)
    )
    counts = np.isin(np.array(table["reading_type"].to_pylist(), dtype=str), _COUNTERS)
    grown = np.zeros(len(values))
    for key in np.unique(keys[counts]):
        rows = keys == key
        grown[rows] = values[rows].max() - values[rows].min()
    begins, recorded = (table[name].cast(pa.int64()).to_numpy() for name in ("begin", "recorded"))
    written = 0
    with ReadingsTable(readings_place(folder)) as kept_table:
        for number, month in enumerate(range(DAYS - 1, -1, -28)):
            parts = []
            for ago in range(month, max(month - 28, -1), -1):
                back = np.int64(ago) * 86_400_000_000
                moved = table.set_column(table.schema.get_field_index("value"), "value", pa.array(values - ago * grown))
                for name, at in (("begin", begins), ("recorded", recorded)):
                    column = pa.array(at - back).cast(pa.timestamp("us", "UTC"))
                    moved = moved.set_column(moved.schema.get_field_index(name), name, column)
                parts.append(moved.cast(batch_schema()))
            batch = pa.concat_tables(parts).combine_chunks()
            kept_table.append(ReadingBatch(batch), "bench", number)
            written += batch.num_rows
        kept_table.compact()
    return written


class _YearSite:
    """A `portal.views.SiteView` of the year at its last instant, as if it lived: its store, and 10,000 agents."""

    def __init__(self, folder: Path) -> None:
        self._store = ParquetStore(folder, keep=True)
        newest = PublishedTables(folder).newest()
        assert newest is not None  # noqa: S101 - it was just written
        self.end: datetime = newest

    async def health(self) -> Health:
        """All agents alive."""
        return agents_health(self.end)

    async def dso_state(self) -> DsoState:
        """As of a living site."""
        return await asyncio.to_thread(dso_state, self._store, self.end)

    async def market_rows(self) -> MarketRows:
        """The store."""
        return MarketRows(self._store)


def _serve_year(folder: Path, line: Connection) -> None:
    with suppress(KeyboardInterrupt):
        asyncio.run(_live(folder, line))


async def _live(folder: Path, line: Connection) -> None:
    site = _YearSite(folder)
    app = create_app(
        site,
        TOKEN,
        patience_s=60.0,
        data=LiveData(folder, lambda: datetime.now(UTC), make_index=True),
        data_folder=folder,
        sources=sources_of(folder, load_site("strem")),
        news=News(lambda: site.end),
    )
    async with serve(app, port=0) as server:
        line.send(server.url)
        while not line.poll():
            await asyncio.sleep(0.1)


def _opened(folder: Path, binary: str, tell: Callable[[str], None]) -> dict[str, tuple[float, float]]:
    here, there = multiprocessing.Pipe()
    process = multiprocessing.get_context("spawn").Process(target=_serve_year, args=(folder, there), daemon=True)
    process.start()
    try:
        if not here.poll(300):
            raise RuntimeError("bench: the year's portal did not start within five minutes")
        return _in_browser(here.recv(), binary, tell)
    finally:
        here.send("over")
        process.join(10)
        if process.is_alive():
            process.kill()


def _in_browser(url: str, binary: str, tell: Callable[[str], None]) -> dict[str, tuple[float, float]]:
    """Of each page the seconds of its first call and of its second."""
    from playwright.sync_api import sync_playwright

    spent = {}
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=binary, args=["--no-sandbox"])
        for path in (*catalogue(None), "/wall"):
            tell(f"a year in the browser: {path}")
            page = browser.new_context(extra_http_headers={"Authorization": f"Bearer {TOKEN}"}).new_page()
            page.set_default_timeout(_WAIT_MS)
            answer = page.goto(f"{url}{path}")
            if answer is None or answer.status != 200:
                raise RuntimeError(f"bench: {path} says {page.inner_text('main')[:300]!r}; expected a page")
            if page.locator("[data-chart]").count():
                page.wait_for_selector("[data-chart] svg")
            first = page.evaluate("performance.now()") / 1000
            page.reload()
            if page.locator("[data-chart]").count():
                page.wait_for_selector("[data-chart] svg")
            spent[path.replace("/pages/", "-").strip("/")] = first, page.evaluate("performance.now()") / 1000
            page.context.close()
        browser.close()
    return spent
