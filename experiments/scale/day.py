"""One market day of a district, as `iles run --runtime local --wire direct` runs it, and what it cost."""

from __future__ import annotations

import os
import tempfile
import time
from operator import itemgetter
from pathlib import Path

from environment.district import Mix, write_district
from experiments.bench.figures import Figures
from experiments.scale.points import peak_mb


def measure_day(prosumers: int, seed: int) -> Figures:
    """From reading the site to the last block, everything published and settled included.

    What `iles run` does beside the day (its other columns, the audits, the report) is not part of it. `seconds` are the wall
    clock's, `cpu_s` this process's own (on a busy machine they say more; `load` says how busy it was), `rss_mb` the most
    memory that it has held.
    """
    with tempfile.TemporaryDirectory(prefix="iles-scale-") as name:
        folder = Path(name)
        site = folder / f"district-{prosumers}.yaml"
        begun = time.perf_counter()
        write_district(site, prosumers, seed, Mix())
        made_s = time.perf_counter() - begun
        return {**run_day(site, seed, folder / "out"), "made_s": made_s}


def run_day(site: Path, seed: int, out: Path) -> dict[str, int | float | Figures]:
    """A day of a site file in this process."""
    begun = time.perf_counter()
    from cim.platform.parquet_store import ParquetStore
    from cim.platform.publications.settlement import SettlementTold
    from cim.platform.publications.trading import OrderPlaced
    from experiments.run.run import run_site
    from experiments.run.settings import RunSettings
    from market.rules import Control

    imported_s = time.perf_counter() - begun
    out.mkdir(parents=True)
    begun, cpu = time.perf_counter(), time.process_time()
    settings = RunSettings(str(site), None, 1, seed, "local", "direct", 1, out)
    store = ParquetStore(out)
    result = run_site(settings, out / "ledger.db", store, Control.MARKET, lambda _: None)
    seconds = time.perf_counter() - begun
    return {
        "seconds": seconds,
        "cpu_s": time.process_time() - cpu,
        "cpu_s_per_prosumer": (time.process_time() - cpu) / len(result.site.prosumers),
        "load": os.getloadavg()[0],
        "rss_mb": peak_mb(),
        "messages": result.messages,
        "agents": len(result.site_agents.agents),
        "devices": len(result.site_agents.device_kinds),
        "readings": store.reading_count,
        "orders": len(store.told(OrderPlaced)),
        "settlements": len(store.told(SettlementTold)),
        "imported_s": imported_s,
        "startup_s": result.startup_s,
        "parts_s": dict(sorted(result.seconds.items(), key=itemgetter(1), reverse=True)),
    }
