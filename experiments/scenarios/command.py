"""`iles scenarios`: days of a site by every scenario, resumable, as many at once as there are cores."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, as_completed
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from environment.sites import load_site
from experiments.run.run import check
from experiments.run.settings import RunSettings, ScenarioName
from experiments.run.study.study_command import program_digest
from experiments.run.workers import pool_of, write_whole
from experiments.scenarios.models import JudgedDay, ScenarioStudy
from experiments.scenarios.one_day import judge_day
from experiments.scenarios.verdict import study_of

Judge = Callable[[RunSettings, tuple[ScenarioName, ...], str], JudgedDay]


@dataclass(frozen=True)
class ScenarioSettings:
    """What is to be judged.

    Attributes:
        out: folder; days that are there already, of the same site, seed, scenarios and source, are not run again.
    """

    site: str
    days: tuple[date, ...]
    scenarios: tuple[ScenarioName, ...]
    seed: int
    out: Path
    processes: int


def execute(settings: ScenarioSettings, told: Callable[[JudgedDay], None], judge: Judge = judge_day) -> ScenarioStudy:
    """Judge the days that are not there yet, then write scenarios.json and scenarios.html.

    Args:
        told: hears of each day as it is done.
        judge: runs and judges a day; with more than one process a function of a module.

    Raises:
        BadInput: site, day or scenario, before anything runs.
    """
    from experiments.scenarios.page import write_page

    program = program_digest(settings.site)
    for day in settings.days:
        for scenario in settings.scenarios:
            check(_run_settings(settings, day, scenario))
    (settings.out / "days").mkdir(parents=True, exist_ok=True)
    there = {day: found for day in settings.days if (found := _finished(settings, day, program)) is not None}
    left = [day for day in settings.days if day not in there]
    if settings.processes == 1:
        for day in left:
            there[day] = _kept(settings, judge(_run_settings(settings, day, None), settings.scenarios, program))
            told(there[day])
    else:
        there |= _in_processes(settings, left, program, told, judge)
    study = study_of(load_site(settings.site).name, settings.seed, [there[day] for day in settings.days])
    (settings.out / "scenarios.json").write_text(study.json_text(), encoding="utf-8")
    write_page(settings.out / "scenarios.html", study)
    return study


def finished_days(settings: ScenarioSettings) -> int:
    """How many days are there already."""
    program = program_digest(settings.site)
    return sum(_finished(settings, day, program) is not None for day in settings.days)


def _run_settings(settings: ScenarioSettings, day: date, scenario: ScenarioName | None) -> RunSettings:
    said = None if scenario is None else scenario.value
    return RunSettings(settings.site, day, 1, settings.seed, "local", "direct", 1, settings.out, scenario=said)


def _file(settings: ScenarioSettings, day: date) -> Path:
    return settings.out / "days" / f"{day}-seed{settings.seed}.json"


def _finished(settings: ScenarioSettings, day: date, program: str) -> JudgedDay | None:
    """A day that is there, whole, of this program, and judged by all that is wanted."""
    try:
        found = JudgedDay.model_validate_json(_file(settings, day).read_bytes())
    except (OSError, ValueError):
        return None
    return found if found.program == program and set(settings.scenarios) <= set(found.kpis) else None


def _kept(settings: ScenarioSettings, found: JudgedDay) -> JudgedDay:
    """On disk, whole or not at all."""
    write_whole(_file(settings, found.day), found.model_dump_json(indent=2) + "\n")
    return found


def _in_processes(
    settings: ScenarioSettings, days: list[date], program: str, told: Callable[[JudgedDay], None], judge: Judge
) -> dict[date, JudgedDay]:
    found: dict[date, JudgedDay] = {}
    if not days:
        return found
    with pool_of(min(settings.processes, len(days))) as pool:
        futures: dict[Future[JudgedDay], date] = {
            pool.submit(judge, _run_settings(settings, day, None), settings.scenarios, program): day for day in days
        }
        for future in as_completed(futures):
            found[futures[future]] = _kept(settings, future.result())
            told(found[futures[future]])
    return found
