"""`iles run`: one or more days of a site in simulated time, in every column, to results in a folder."""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

from experiments.run.settings import RunSettings

if TYPE_CHECKING:
    from cim.platform.ingestion.site_pipeline import SitePipeline
    from experiments.run.columns.beside import ColumnsBeside
    from experiments.run.run import RunResult
    from experiments.run.screen import Screen
    from experiments.run.summary import Summary

_PATIENCE_S = 60.0  # that a run waits for the broker before it ends with its sentence


def execute(settings: RunSettings) -> None:
    """Run, evaluate, write and show.

    Raises:
        BadInput, DeviceError: one sentence each; the caller prints it.
    """
    begun = time.perf_counter()
    from experiments.run.columns.beside import ColumnsBeside
    from experiments.run.run import check
    from experiments.run.screen import Screen, show

    check(settings)
    out = prepare(settings)
    screen = Screen(settings)
    with ColumnsBeside(settings) as beside:
        result = _run(settings, out, screen)
        summary = _conclude(settings, out, result, beside, screen, begun)
    show(summary, out)


def _run(settings: RunSettings, out: Path, screen: Screen) -> RunResult:
    from cim.platform.parquet_store import ParquetStore
    from experiments.run.run import run_site
    from market.rules import Control

    if settings.runtime == "ray":
        from agents.runtime.ray.start import start_ray

        screen.say("starting Ray")
        start_ray(log=out / "ray.log")
    with screen.progress() as heard:
        if not settings.broker:
            return run_site(settings, out / "ledger.db", ParquetStore(out), Control.MARKET, heard)
        with _topics(settings, out) as pipeline:
            return run_site(settings, out / "ledger.db", pipeline.around(ParquetStore(out)), Control.MARKET, heard)


@contextmanager
def _topics(settings: RunSettings, out: Path) -> Iterator[SitePipeline]:
    from agents.assembly.site_runtime import journal_server
    from cim.platform.ingestion.site_pipeline import SitePipeline
    from environment.sites import load_site
    from environment.sites.connections import site_facts

    site = load_site(settings.site)
    usage_points = {meter: one.usage_point for one in site_facts(site).connections for meter in one.meters}
    space = f"{site.name}-{secrets.token_hex(4)}"  # of this run alone, where REDIS_URL is shared
    with (
        journal_server(out / "broker", space) as server,
        SitePipeline(out, server.url, server.space, usage_points, _PATIENCE_S) as pipeline,
    ):
        yield pipeline


def _conclude(
    settings: RunSettings,
    out: Path,
    result: RunResult,
    beside: ColumnsBeside,
    screen: Screen,
    begun: float,
) -> Summary:
    from cim.platform.orchestrator.filing import file_run
    from environment.sites.connections import site_facts
    from experiments.market.invoices import write_invoices
    from experiments.report import write_report
    from experiments.run.columns.bills import with_bills
    from experiments.run.columns.column import ColumnName, column_of
    from experiments.run.columns.published import write_columns
    from experiments.run.dispatch.audit import audit
    from experiments.run.grid import evaluate
    from experiments.run.summary import summarise
    from market.ledger.errors import LedgerBroken
    from market.ledger.verify import verify

    screen.say("verifying the ledger")
    verification = None
    try:
        verification = verify(out / "ledger.db")
    except LedgerBroken as error:
        screen.say(f"the ledger is broken: {error}")
    write_invoices(out)
    screen.say("solving every split of the virtual power plants again in one piece")
    dispatch = audit(result, out / "ledger.db")
    screen.say("filing readings and documents")  # while the columns beside the market are still being run
    said = file_run(out, site_facts(result.site), result.end, settings.broker)
    screen.say(f"{', '.join(said)}: `iles data datasets {out}`")
    screen.say("waiting for the columns beside the market")
    columns, bills = with_bills(result, beside.results() | {ColumnName.MARKET: column_of(result)})
    days = result.site_agents.rules.periods
    starts = [day.isp_start(isp) for day in days for isp in range(1, day.count + 1)]
    write_columns(out, columns, starts, days[0].isp)
    grids = {name: evaluate(result.site, column.truth) for name, column in columns.items()}
    summary = summarise(settings, result, columns, grids, bills, dispatch, verification, time.perf_counter() - begun)
    (out / "summary.json").write_text(summary.json_text(), encoding="utf-8")
    screen.say("writing the report")
    figures = summary.model_dump(by_alias=True)
    write_report(out / "report.html", result, columns, grids, figures, dispatch=dispatch)
    return summary


def prepare(settings: RunSettings) -> Path:
    """The result folder, empty; what an earlier run left there is moved aside, never lost."""
    out = settings.out
    if out.exists() and any(out.iterdir()):
        number = 1
        while (aside := out.with_name(f"{out.name}.{number}")).exists():
            number += 1
        out.rename(aside)
    out.mkdir(parents=True, exist_ok=True)
    return out


def default_out(site: str, day: date | None, seed: int) -> Path:
    """Where results go when nobody says."""
    name = Path(site).stem
    return Path("out") / (f"{name}-{day}-seed{seed}" if day else f"{name}-seed{seed}")
