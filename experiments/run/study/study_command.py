"""`iles run SITE --seeds 1-20 --days-file FILE`: every day with every seed, as many at once as there are cores."""

from __future__ import annotations

import re
from concurrent.futures import Future, as_completed
from dataclasses import dataclass
from datetime import date
from hashlib import sha256
from pathlib import Path

from cim.model.errors import BadInput
from environment.sites import load_site
from experiments.run.run import check
from experiments.run.settings import RunSettings
from experiments.run.study.checks import checks_of
from experiments.run.study.figures import beside_their_day, study_of
from experiments.run.study.models import StudyRun
from experiments.run.study.one_run import run_once
from experiments.run.study.study_screen import StudyScreen
from experiments.run.workers import pool_of, write_whole

_ROOT = Path(__file__).parents[3]
# What runs are made of, those of `iles scenarios` and `iles losses` as well: of other source a run is made again.
_SOURCES = (
    "agents", "cim", "devices", "environment", "experiments/island", "experiments/losses", "experiments/run",
    "experiments/scenarios", "market",
)  # fmt: skip


@dataclass(frozen=True)
class StudySettings:
    """A study of a site.

    Attributes:
        days, seeds: each day with each seed; the other columns are run with the first seed.
        out: folder; runs that are there already, of the same site and source, are not run again.
    """

    site: str
    days: tuple[date, ...]
    seeds: tuple[int, ...]
    out: Path
    processes: int


def seeds_of(text: str) -> tuple[int, ...]:
    """`1-20` or `3,5,8-10` as numbers.

    Raises:
        BadInput: another form.
    """
    found: list[int] = []
    for part in text.split(","):
        match = re.fullmatch(r"(\d+)(?:-(\d+))?", part.strip())
        if match is None or int(match[1]) > int(match[2] or match[1]):
            raise BadInput(f"seeds: {text!r}; expected for example 1-20 or 1,5,9-12")
        found += range(int(match[1]), int(match[2] or match[1]) + 1)
    return tuple(dict.fromkeys(found))


def days_of(file: Path) -> tuple[date, ...]:
    """The dates of a file, one a line; what follows `#` is for people.

    Raises:
        BadInput: the file cannot be read, or a line is no date.
    """
    try:
        lines = file.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise BadInput(f"days-file: {file} cannot be read ({error}); expected dates, one a line") from None
    days: list[date] = []
    for number, line in enumerate(lines, start=1):
        words = line.partition("#")[0].strip()
        if words:
            try:
                days.append(date.fromisoformat(words))
            except ValueError:
                raise BadInput(f"days-file: line {number} is {words!r}; expected a date, YYYY-MM-DD") from None
    if not days:
        raise BadInput(f"days-file: {file} holds no date; expected one a line")
    return tuple(dict.fromkeys(days))


def execute_study(settings: StudySettings) -> None:
    """Run what is not there yet, then show, write study.json and study.html.

    Raises:
        BadInput: site, days or the folder.
    """
    from experiments.report.study_page import write_study

    program = program_digest(settings.site)
    tasks = [_run_settings(settings, day, seed) for day in settings.days for seed in settings.seeds]
    for day in settings.days:
        check(_run_settings(settings, day, settings.seeds[0]))
    (settings.out / "runs").mkdir(parents=True, exist_ok=True)
    there = {task: run for task in tasks if (run := _finished(settings, task, program)) is not None}
    left = [task for task in tasks if task not in there]
    # Seed by seed through all days: those with all columns take longest, and what is there when it is stopped is balanced.
    left.sort(key=lambda task: settings.seeds.index(task.seed))
    screen = StudyScreen(len(tasks), len(there))
    there |= _run_all(settings, left, program, screen)
    runs = beside_their_day([there[task] for task in tasks])
    study = study_of(load_site(settings.site).name, runs, checks_of(runs))
    (settings.out / "study.json").write_text(study.json_text(), encoding="utf-8")
    write_study(settings.out / "study.html", study, runs)
    screen.show(study, settings.out)


def program_digest(site: str) -> str:
    """Of the site and of all source that a run depends on."""
    digest = sha256(load_site(site).model_dump_json().encode())
    for folder in _SOURCES:
        for path in sorted((_ROOT / folder).rglob("*.py")):
            digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


def _run_settings(settings: StudySettings, day: date, seed: int) -> RunSettings:
    return RunSettings(settings.site, day, 1, seed, "local", "direct", 1, settings.out)


def _file(settings: StudySettings, task: RunSettings) -> Path:
    return settings.out / "runs" / f"{task.day}-seed{task.seed}.json"


def _finished(settings: StudySettings, task: RunSettings, program: str) -> StudyRun | None:
    """A run that is there, whole, of this program, and with all columns where they are wanted."""
    try:
        run = StudyRun.model_validate_json(_file(settings, task).read_bytes())
    except (OSError, ValueError):
        return None
    wanted = 5 if task.seed == settings.seeds[0] else 2
    return run if run.program == program and len(run.columns) >= wanted else None


def _run_all(
    settings: StudySettings, tasks: list[RunSettings], program: str, screen: StudyScreen
) -> dict[RunSettings, StudyRun]:
    """Run in processes of their own; each is on disk as soon as it is done."""
    found: dict[RunSettings, StudyRun] = {}
    if not tasks:
        return found
    with pool_of(min(settings.processes, len(tasks))) as pool:
        futures: dict[Future[StudyRun], RunSettings] = {
            pool.submit(run_once, task, program, task.seed == settings.seeds[0]): task for task in tasks
        }
        with screen.progress() as done:
            for future in as_completed(futures):
                task = futures[future]
                found[task] = future.result()
                write_whole(_file(settings, task), found[task].model_dump_json(by_alias=True, indent=2) + "\n")
                done(found[task])
    return found
