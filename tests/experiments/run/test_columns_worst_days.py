"""The days on which the grid is furthest above its limits."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest
from typer.testing import CliRunner

from environment.sites import load_site
from experiments.cli.days import app
from experiments.run.columns.without_agents import run_idle
from experiments.run.columns.worst_days import WorstDay, worst_days
from experiments.run.grid import evaluate
from experiments.run.settings import RunSettings

SITE = load_site("strem")


@pytest.fixture(scope="module")
def five() -> list[WorstDay]:
    """The five worst days of Strem."""
    return worst_days("strem", 5)


def idle_over_limit_wh(day: date) -> float:
    """Of the column idle on a day."""
    settings = RunSettings("strem", day, 1, 1, "local", "direct", 1, Path("unused"))
    return evaluate(SITE, run_idle(settings).truth).over_limit_wh


def test_the_worst_are_ranked_by_what_the_idle_column_shows(five: list[WorstDay]) -> None:
    """Five different days, the worst first, each with exactly the figure that its idle column has."""
    assert len({found.day for found in five}) == 5
    figures = [found.over_limit_wh for found in five]
    assert figures == sorted(figures, reverse=True)
    assert figures[0] == idle_over_limit_wh(five[0].day)


def test_no_other_day_is_worse(five: list[WorstDay]) -> None:
    """Every eleventh day of the year and the site's own day, run as idle, are not above the fifth unless they are of the five."""
    known = {found.day for found in five}
    others = [date.fromordinal(date(2016, 1, 8).toordinal() + 11 * k) for k in range(32)] + [SITE.default_day]
    for day in others:
        assert day in known or idle_over_limit_wh(day) <= five[-1].over_limit_wh


def test_the_command_writes_a_days_file(tmp_path: Path, five: list[WorstDay]) -> None:
    """`iles days worst --count 2 --out FILE` shows and writes the two worst dates, one a line."""
    done = CliRunner().invoke(app, ["worst", "strem", "--count", "2", "--out", str(tmp_path / "days.txt")])
    assert done.exit_code == 0
    assert (tmp_path / "days.txt").read_text().split() == [str(found.day) for found in five[:2]]
    assert str(five[0].day) in done.stdout
