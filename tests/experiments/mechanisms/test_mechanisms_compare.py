"""The comparison: means and intervals by hand, the same numbers again, the page, the command."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from cim.model.errors import BadInput
from environment.sites import load_site
from experiments.cli.main import _mount, app
from experiments.mechanisms.compare import FIGURES, compare, mean_of
from experiments.mechanisms.gaming import Game
from experiments.mechanisms.models import Comparison
from experiments.mechanisms.page import render_page

NAMES = ("pay-as-bid", "vcg")


@pytest.fixture(scope="module")
def found() -> Comparison:
    """Two mechanisms, two seeds, one process."""
    return compare("strem", [load_site("strem").default_day], (1, 2), NAMES)


def test_mean_and_interval_by_hand() -> None:
    """Of 1, 2, 3: mean 2, deviation 1, t(0.975; 2) = 4.3027, so 2 +- 4.3027 / sqrt(3) = 2.4841."""
    mean = mean_of([1.0, None, 2.0, 3.0])
    assert mean is not None
    assert (mean.mean, mean.low, mean.high) == (2.0, -0.4841, 4.4841)
    one = mean_of([5.0])
    assert one is not None
    assert (one.mean, one.low, one.high) == (5.0, None, None)
    assert mean_of([None]) is None


def test_two_comparisons_give_the_same_numbers(found: Comparison) -> None:
    """In one process or in two, byte by byte."""
    again = compare("strem", [load_site("strem").default_day], (1, 2), NAMES, processes=2)
    assert again.json_text() == found.json_text()


def test_every_run_is_there_with_its_figures(found: Comparison) -> None:
    """A run for each seed and mechanism; means of every figure; a game each; relief no larger than the need."""
    assert [(run.seed, run.mechanism) for run in found.runs] == [(s, name) for s in (1, 2) for name in NAMES]
    for run in found.runs:
        assert 0 < run.welfare <= run.optimum
        assert run.relieved_wh <= run.need_wh
        assert run.surplus == run.dso_paid - run.sellers_got
        assert len(run.games) == 3
        if (
            run.mechanism == "pay-as-bid"
        ):  # who asks its cost gains nothing, so there is nothing to gain by keeping back
            assert (run.sellers_profit, run.games[Game.WITHHELD_OFFERS].gain) == (0, 0)
            assert {figures.left_over_extra for figures in run.games.values()} == {0}  # sellers get all that is paid
        else:  # what the DSO pays more is not all that a game takes: more is missing than before
            assert min(figures.left_over_extra for figures in run.games.values()) < 0
    assert found.mechanisms["vcg"].figures["surplus"].mean < 0
    assert set(found.mechanisms["vcg"].figures) == set(FIGURES)


def test_the_page_holds_every_figure_and_opens_offline(found: Comparison) -> None:
    """All mechanisms and figures, the library within, nothing fetched."""
    page = render_page(found)
    for words in (*NAMES, "congestion solved, %", "baseline inflation: gain, EUR", "Vickrey 1961"):
        assert words in page
    assert "Plotly.newPlot" in page
    assert 'src="http' not in page


def test_the_command_writes_what_it_prints(tmp_path: Path) -> None:
    """`iles mechanisms NAME --json` prints mechanisms.json; the table names the mechanism and its figures."""
    _mount()
    out = tmp_path / "found"
    argv = ["mechanisms", "uniform-price", "--seeds", "1", "--processes", "1", "--out", str(out)]
    told = CliRunner().invoke(app, [*argv, "--json"])
    assert told.exit_code == 0
    assert json.loads(told.stdout) == json.loads((out / "mechanisms.json").read_text())
    assert (out / "mechanisms.html").exists()
    shown = CliRunner().invoke(app, argv)
    assert "uniform-price" in shown.stdout
    assert "DSO pays" in shown.stdout


def test_the_list_runs_nothing(tmp_path: Path) -> None:
    """Names, properties and sources of all."""
    _mount()
    told = CliRunner().invoke(app, ["mechanisms", "--list", "--out", str(tmp_path / "none")])
    assert told.exit_code == 0
    for words in ("pay-as-bid", "network-aware", "unit demand", "McAfee 1992"):
        assert words in told.stdout
    assert not (tmp_path / "none").exists()


@pytest.mark.parametrize(
    ("argv", "words"),
    [
        (["auction"], "mechanism 'auction' is unknown; expected one of pay-as-bid"),
        (["--days", "tomorrow"], "days: 'tomorrow'; expected dates"),
        (["--days", "2016-01-01"], "2016-01-01 is outside what simbench-rural1 covers"),
    ],
)
def test_what_does_not_fit_is_one_sentence(argv: list[str], words: str, tmp_path: Path) -> None:
    """Before anything is run."""
    _mount()
    told = CliRunner().invoke(app, ["mechanisms", *argv, "--out", str(tmp_path / "o")])
    assert isinstance(told.exception, BadInput)
    assert words in str(told.exception)
