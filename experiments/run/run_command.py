"""`iles run`: one or more days of a site in simulated time, with and without flexibility, to results in a folder."""

from __future__ import annotations

import time
from concurrent.futures import Future, ProcessPoolExecutor
from datetime import date
from multiprocessing import get_context
from pathlib import Path
from typing import TYPE_CHECKING

from experiments.run.settings import RunSettings

if TYPE_CHECKING:
    from experiments.run.grid import ByKind, Truth
    from experiments.run.run import RunResult
    from experiments.run.screen import Screen
    from experiments.run.summary import Summary


def execute(settings: RunSettings) -> None:
    """Run, evaluate, write and show.

    Raises:
        BadInput, DeviceError: one sentence each; the caller prints it.
    """
    begun = time.perf_counter()
    from experiments.run.run import check, run_without_flexibility
    from experiments.run.screen import Screen, show

    check(settings)
    out = prepare(settings)
    screen = Screen(settings)
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        comparison = pool.submit(run_without_flexibility, settings)
        try:
            result = _run(settings, out, screen)
            summary = _conclude(settings, out, result, comparison, screen, begun)
        except BaseException:
            comparison.cancel()
            for process in list(pool._processes.values()):
                process.terminate()  # no need to wait for a comparison nobody will see
            raise
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
        return run_site(settings, out / "ledger.db", ParquetStore(out), Control.MARKET, heard)


def _conclude(
    settings: RunSettings,
    out: Path,
    result: RunResult,
    comparison: Future[tuple[Truth, ByKind]],
    screen: Screen,
    begun: float,
) -> Summary:
    from experiments.report import write_report
    from experiments.run.gap import measure
    from experiments.run.grid import evaluate
    from experiments.run.summary import summarise
    from market.ledger.verify import verify

    screen.say("verifying the ledger")
    verification = verify(out / "ledger.db")
    screen.say("comparing the dispatch with the central optimum")
    gap = measure(result)
    screen.say("waiting for the run without flexibility")
    without_truth, without_kinds = comparison.result()
    without, with_ = evaluate(result.site, without_truth), evaluate(result.site, result.truth)
    summary = summarise(settings, result, without, with_, gap, verification, time.perf_counter() - begun)
    (out / "summary.json").write_text(summary.json_text(), encoding="utf-8")
    screen.say("writing the report")
    figures = summary.model_dump(by_alias=True)
    write_report(out / "report.html", result, with_, without, without_kinds, without_truth, figures)
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
