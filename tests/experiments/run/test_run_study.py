"""A study: which days and seeds, what is kept of each run, what they come down to, and that it goes on where it stopped."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from contextlib import nullcontext
from datetime import date
from pathlib import Path

import numpy as np
import pytest

from cim.model.errors import BadInput
from experiments.report.study_page import render_study
from experiments.run.columns.column import ColumnName
from experiments.run.columns.models import BillFigures, ColumnFigures, MadeWhole, Relief, SettledAndTrue
from experiments.run.dispatch.audit import DispatchAudit
from experiments.run.dispatch.figures import dispatch_figures
from experiments.run.dispatch.gaps import Gap
from experiments.run.study import study_command
from experiments.run.study.checks import checks_of
from experiments.run.study.figures import FIGURES, beside_their_day, quantiles_of, study_of
from experiments.run.study.models import StudyRun
from experiments.run.study.study_command import StudySettings, days_of, execute_study, program_digest, seeds_of
from tests import worlds

DAYS = (date(2016, 5, 20), date(2016, 5, 24))


def figures(violations: int, over_limit_wh: int, dso_cost: int) -> ColumnFigures:
    """A column."""
    return ColumnFigures(
        violations=violations, over_limit_wh=over_limit_wh, max_loading_pct=101.0, dso_cost=dso_cost, bills_sum=0,
        welfare=0, stored_change_wh=0, curtailed_wh=5000, held_back_wh=0, held_back_worth=0, chp_not_made_wh=0,
        generation_lost_wh=0, unserved_ev_wh=0, comfort_kh=0.0, import_wh=0, export_wh=0,
        self_consumed_pct=0.0, co2_kg=None,
    )  # fmt: skip


def run(day: date, seed: int, violations: int = 0, local_wh: int = 100_000, program: str = "p") -> StudyRun:
    """A run that relieved all but 10 kWh."""
    columns = {ColumnName.LOCAL: figures(9, local_wh, 0), ColumnName.MARKET: figures(violations, 10_000, 900_000)}
    if seed == 1:
        columns |= {name: figures(0, 0, 0) for name in ColumnName if name not in columns}
    return StudyRun(
        program=program, day=day, seed=seed, columns=columns, ordered_wh=100_000 + seed, delivered_wh=90_000,
        deficiency_wh=0, orders=2, disputes=0,
        bills={"a": BillFigures(market=120, local=100, lines={}), "b": BillFigures(market=0, local=50, lines={})},
        made_whole=MadeWhole(paid=50, payments=10_000, energy=40_000, share_of_payments=0.005, share_of_all=0.001),
        settled_vs_true={
            "pv": SettledAndTrue(ordered_wh=50, settled_wh=50, true_wh=100, more_wh=90),
            "ev": SettledAndTrue(ordered_wh=100, settled_wh=70, true_wh=20, more_wh=10)},
        relief=Relief(sellers={}, with_losses_ct_per_kwh=100.0, order_ct_per_kwh=90.0, own_right_ct_per_kwh=None,
                      relieved_wh=90_000, market_ct_per_kwh=100.0, curtailment_ct_per_kwh=40.0 if seed == 1 else None,
                      times_curtailment=2.5 if seed == 1 else None, causes=[]),
        cpu_s=2.0,
    )  # fmt: skip


def test_seeds_and_days_as_people_write_them(tmp_path: Path) -> None:
    """Ranges and lists of seeds; dates with remarks and empty lines; each counted once, in the order given."""
    assert seeds_of("1-4") == (1, 2, 3, 4)
    assert seeds_of("7, 2-3,7") == (7, 2, 3)
    file = tmp_path / "days"
    file.write_text("# worst first\n2016-05-24 # 1081 kWh\n\n2016-05-20\n2016-05-24\n")
    assert days_of(file) == (date(2016, 5, 24), date(2016, 5, 20))


@pytest.mark.parametrize("text", ["", "1-", "5-2", "a", "1,,2", "-3"])
def test_other_seeds_are_refused(text: str) -> None:
    """What is no list of seeds is told with what was expected."""
    with pytest.raises(BadInput, match="expected for example 1-20"):
        seeds_of(text)


@pytest.mark.parametrize("content", ["", "# nothing\n", "2016-13-01\n", "20 May\n"])
def test_other_days_are_refused(tmp_path: Path, content: str) -> None:
    """A file without a date, and a line that is none, are told."""
    file = tmp_path / "days"
    file.write_text(content)
    with pytest.raises(BadInput, match=r"days-file: .*expected"):
        days_of(file)
    with pytest.raises(BadInput, match="cannot be read"):
        days_of(tmp_path / "absent")


def test_quantiles_by_hand() -> None:
    """Of 0..100, with a value that is missing: the 5 % quantile is 5, and so on; of nothing there are none."""
    found = quantiles_of([None, *np.arange(101.0).tolist()])
    assert found is not None
    assert (found.lowest, found.p5, found.median, found.p95, found.highest, found.mean) == (0, 5, 50, 95, 100, 50)
    assert quantiles_of([None]) is None


def test_what_a_run_comes_down_to() -> None:
    """By hand: 100 ordered and 5 curtailed of 100 kWh needed, 120 of 120 Wh, 90 EUR for 90 kWh relieved."""
    one = run(DAYS[0], 0)
    values = {name: figure.of(one) for name, figure in FIGURES.items()}
    assert values["bought_per_need"] == 1.05
    assert values["settled_per_true"] == 1.0
    assert values["settled_per_more"] == 1.2
    assert values["ct_per_relieved_kwh"] == 100.0
    assert values["worst_bill"] == 20
    assert values["made_whole_pct"] == 0.5
    little = run(DAYS[0], 0, local_wh=19_999)
    assert FIGURES["bought_per_need"].of(little) is None
    assert FIGURES["ct_per_relieved_kwh"].of(little) is None


def test_a_study_holds_the_worst_gap_of_its_runs() -> None:
    """Of three runs, one without an audit, the worst says whether the gap of all sellers and that of a split are held."""
    far = dispatch_figures(DispatchAudit((), {"a": Gap(103.0, 100.0, 100.0), "b": Gap(50.0, 50.0, 50.0)}, ()))
    near = dispatch_figures(DispatchAudit((), {"a": Gap(100.5, 100.0, 100.0)}, ()))
    runs = [
        run(DAYS[0], seed).model_copy(update={"dispatch": found})
        for seed, found in enumerate((near, far, None), start=2)
    ]
    held = {check.words: (check.value, check.held) for check in checks_of(runs)}
    assert held["gap of a split, highest"] == (0.03, False)
    assert held["gap of all sellers' models together, highest"] == (0.0, True)
    assert held.keys() - {check.words for check in checks_of(runs[2:])} == {
        "gap of a split, highest", "gap of all sellers' models together, highest"}  # fmt: skip
    study = study_of("strem", runs, checks_of(runs))
    assert study.figures["relative_gap"].highest == pytest.approx(0.02)
    assert far.worst_gap_e4 == 300


def test_a_study_counts_runs_with_broken_limits() -> None:
    """One of four runs breaks a limit; each day has its own distributions, and the columns of the run that has all."""
    runs = [run(DAYS[0], 2), run(DAYS[0], 1), run(DAYS[1], 1), run(DAYS[1], 2, violations=3)]
    study = study_of("strem", runs, checks_of(runs))
    assert study.without_violations == 0.75
    assert (study.runs, study.seeds, study.days) == (4, [1, 2], list(DAYS))
    assert study.by_day[DAYS[0]]["violations"].highest == 0
    assert study.by_day[DAYS[1]]["violations"].highest == 3
    assert set(study.columns[DAYS[0]]) == set(ColumnName)
    held = {check.words.partition(",")[0]: (check.value, check.held) for check in study.checks}
    assert held["share of runs without a broken limit"] == (0.75, False)
    assert held["ordered and curtailed over what local rules are above limits"] == (1.05, True)
    assert held["share of runs that order and curtail at most 1.5 times what local rules are above limits"] == (1, True)
    assert held["cost of relief over curtailment's"] == (2.5, True)
    assert held["what a member pays more than under local rules"] == (20, True)
    assert held["delivered of what was ordered: pv"] == (1.0, True)
    assert held["delivered of what was ordered: ev"] == (0.7, False)
    page = render_study(study, runs)
    assert "75.0%" in page
    assert "<script src" not in page
    for day in DAYS:
        assert f"{day}: the market over seeds" in page


def test_runs_that_buy_too_much_are_counted_and_the_highest_is_held_by_itself() -> None:
    """One of twenty above 1.5 times of what was needed keeps the share, two do not; the highest is not held in either."""
    words = "share of runs that order and curtail at most 1.5 times what local rules are above limits"
    for much, expected in ((1, (0.95, True)), (2, (0.9, False))):
        runs = [run(DAYS[0], seed, local_wh=50_000 if seed < much else 100_000) for seed in range(20)]
        found = next(check for check in checks_of(runs) if check.words == words)
        assert (found.value, found.held) == expected
        highest = next(check for check in checks_of(runs) if check.words.startswith("ordered and curtailed over"))
        assert (highest.held, highest.value > 1.5) == (False, True)


def test_every_run_is_held_beside_its_days_curtailment() -> None:
    """The column is run once a day: the others' ratio is taken against it (100 over 40 ct), a day without it stays unknown."""
    runs = beside_their_day([run(DAYS[0], 1), run(DAYS[0], 2), run(DAYS[1], 2)])
    assert [FIGURES["times_curtailment"].of(one) for one in runs] == [2.5, 2.5, None]
    assert [one.relief.curtailment_ct_per_kwh for one in runs] == [40.0, 40.0, None]
    assert [one.seed for one in runs] == [1, 2, 2]


def test_a_study_goes_on_where_it_stopped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Finished runs of the same program are taken as they are; a torn one, one of another program and a missing one run."""
    settings = StudySettings("strem", DAYS, (1, 2), tmp_path, 1)
    program = program_digest("strem")
    folder = tmp_path / "runs"
    folder.mkdir()
    (folder / f"{DAYS[0]}-seed1.json").write_text(run(DAYS[0], 1, program=program).model_dump_json())
    (folder / f"{DAYS[0]}-seed2.json").write_text(run(DAYS[0], 2, program="older").model_dump_json())
    (folder / f"{DAYS[1]}-seed1.json").write_text(run(DAYS[1], 1, program=program).model_dump_json()[:-40])
    done: list[tuple[date, int, bool]] = []

    class Here:
        """A pool that runs in this process what takes no time."""

        def submit(self, _: object, task: study_command.RunSettings, program: str, all_columns: bool) -> object:
            from concurrent.futures import Future

            assert task.day is not None
            done.append((task.day, task.seed, all_columns))
            future: Future[StudyRun] = Future()
            future.set_result(run(task.day, task.seed, program=program))
            return future

    monkeypatch.setattr(study_command, "pool_of", lambda _: nullcontext(Here()))
    execute_study(settings)
    assert done == [(DAYS[1], 1, True), (DAYS[0], 2, False), (DAYS[1], 2, False)]
    written = json.loads((tmp_path / "study.json").read_text())
    assert written["schema"] == "iles.study/1"
    assert written["runs"] == 4
    assert (tmp_path / "study.html").stat().st_size > 1_000_000
    done.clear()
    execute_study(settings)
    assert done == []


@pytest.mark.slow
def test_a_small_sites_study_is_killed_and_goes_on_with_what_is_missing(tmp_path: Path) -> None:
    """Two seeds of a day: the first has all columns, the second its own local one. Killed when one is on disk: that one stays
    as it is, the other is run once, and there is one table; a third call runs nothing again."""
    site, runs = Path(worlds.__file__).parent / "wind_farm.yaml", tmp_path / "runs"
    line = [sys.executable, "-m", "experiments.cli.main", "run", str(site), "--seeds", "1-2", "--out", str(tmp_path)]
    with subprocess.Popen(line, stdout=subprocess.DEVNULL) as command:
        while not list(runs.glob("*.json")) and command.poll() is None:
            time.sleep(0.1)
        command.kill()
    kept = {path: path.stat().st_mtime_ns for path in runs.glob("*.json")}
    assert kept
    assert not (tmp_path / "study.json").exists() or len(kept) == 2
    done = subprocess.run(line, capture_output=True, text=True, timeout=600, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert all(path.stat().st_mtime_ns == at for path, at in kept.items())
    first, second = (
        StudyRun.model_validate_json((runs / f"2016-05-20-seed{seed}.json").read_bytes()) for seed in (1, 2)
    )
    assert set(first.columns) == set(ColumnName)
    assert set(second.columns) == {ColumnName.LOCAL, ColumnName.MARKET}
    assert first.columns[ColumnName.FORESIGHT].violations == 0
    study = json.loads((tmp_path / "study.json").read_text())
    assert (study["site"], study["runs"], study["seeds"]) == ("windfarm", 2, [1, 2])
    written = {path.name: path.stat().st_mtime_ns for path in runs.glob("*.json")}
    again = subprocess.run(line, capture_output=True, text=True, timeout=600, check=False)
    assert again.returncode == 0, again.stderr
    assert {path.name: path.stat().st_mtime_ns for path in runs.glob("*.json")} == written
