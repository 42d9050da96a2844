"""One market day of a district, as `iles run --runtime local --wire direct` runs it, and what it cost."""

from __future__ import annotations

import os
import resource
import tempfile
import time
from operator import itemgetter
from pathlib import Path

from environment.district import Mix, write_district
from experiments.bench.figures import Figures
from experiments.scale.points import peak_mb


def measure_day(prosumers: int, seed: int, processes: int = 1) -> Figures:
    """From reading the site to the last block, everything published and settled included.

    What `iles run` does beside the day (its other columns, the audits, the report) is not part of it. `seconds` are the wall
    clock's, `cpu_s` those of all processes (on a busy machine they say more; `load` says how busy it was), `rss_mb` the most
    memory that this one has held. Where several share the district `cpu_s_here` is this one's part, with the parties:
    the others' hosts work side by side with it.

    Args:
        processes: how many are to share the district; no more than it has feeders (`processes` says how many did).
    """
    with tempfile.TemporaryDirectory(prefix="iles-scale-") as name:
        folder = Path(name)
        site = folder / f"district-{prosumers}.yaml"
        begun = time.perf_counter()
        write_district(site, prosumers, seed, Mix())
        made_s = time.perf_counter() - begun
        return {**run_day(site, seed, folder / "out", processes), "made_s": made_s}


def run_day(site: Path, seed: int, out: Path, processes: int = 1) -> dict[str, int | float | Figures]:
    """A day of a site file, in this process or shared by several."""
    begun = time.perf_counter()
    from agents.assembly.parted_world import separate_parts
    from cim.platform.parquet_store import ParquetStore
    from cim.platform.publications.settlement import SettlementTold
    from cim.platform.publications.trading import OrderPlaced
    from environment.sites import load_site
    from experiments.run.run import run_site
    from experiments.run.settings import RunSettings
    from market.rules import Control

    imported_s = time.perf_counter() - begun
    out.mkdir(parents=True)
    begun, cpu = time.perf_counter(), time.process_time()
    processes = min(processes, len(separate_parts(load_site(str(site)))))
    settings = RunSettings(str(site), None, 1, seed, "local", "direct", 1, out, processes=processes)
    before_s = _children_cpu_s()
    store = ParquetStore(out)
    result = run_site(settings, out / "ledger.db", store, Control.MARKET, lambda _: None)
    seconds, here_s = time.perf_counter() - begun, time.process_time() - cpu
    cpu_s = here_s + _children_cpu_s() - before_s
    return {
        "seconds": seconds,
        "cpu_s": cpu_s,
        "cpu_s_per_prosumer": cpu_s / len(result.site.prosumers),
        "cpu_s_here": here_s,
        "processes": processes,
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


def _children_cpu_s() -> float:
    """CPU seconds of the processes that this one started and that have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime
