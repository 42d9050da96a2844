"""`iles community bills DIR`: a run's days by what its meters told, and what is said where they told nothing."""

from __future__ import annotations

import json
from datetime import date, timedelta
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from cim.model.errors import BadInput
from cim.model.intervals import LocalDay
from cim.model.readings import Kind, Quality, Reading
from cim.platform.parquet_store import ParquetStore
from cim.platform.publications.community import CommunityBilled, MemberBilled
from cim.platform.publications.measured import DeviceBack
from cim.platform.publications.site import SiteDescribed
from cim.platform.published import published
from cim.platform.tables import ReadingTable
from environment.sites import load_site
from experiments.cli.community import app
from experiments.community.command import billed, billed_run
from experiments.community.intervals import Intervals, as_csv, earlier_of
from experiments.community.metered import Metered, lived, metered_of_run

DAY = LocalDay(date(2016, 5, 20), "Europe/Vienna")


@cache
def true() -> Metered:
    """The day as it was."""
    return lived(load_site("strem"), (DAY,), 1)


def run_folder(folder: Path, lost: str = "", bad: str = "") -> Path:
    """A run's folder with all meters' counters each quarter-hour; `lost` told nothing from 12 h on, `bad` is INVALID at 6 h."""
    site, table = load_site("strem"), ReadingTable(folder / "telemetry")
    (folder / "summary.json").write_text(
        json.dumps({"site": "strem", "from": "2016-05-20", "days": 1}), encoding="utf-8"
    )
    for prosumer in site.prosumers:
        for kind, energies in ((Kind.ENERGY_IMPORT, true().taken_wh), (Kind.ENERGY_EXPORT, true().given_wh)):
            counter = 1000.5 + np.concatenate(([0], np.cumsum(energies[prosumer.name])))
            for k, value in enumerate(counter.tolist()):
                at = DAY.start + timedelta(minutes=15 * k)
                if prosumer.name == lost and k > 48:
                    continue
                quality = Quality.INVALID if prosumer.name == bad and k == 24 else Quality.GOOD
                table.add(
                    [Reading(prosumer.meter, kind, value, at, quality), Reading(prosumer.meter, Kind.POWER, 1.0, at)]
                )
    table.flush()
    return folder


def test_a_runs_bills_are_those_of_what_really_flowed(tmp_path: Path) -> None:
    """Counters read each quarter-hour give each register to the watt-hour, all measured."""
    found = metered_of_run(run_folder(tmp_path), load_site("strem"))
    for name, row in true().taken_wh.items():
        assert (found.taken_wh[name] == row).all(), name
        assert (found.given_wh[name] == true().given_wh[name]).all(), name
        assert (found.quality[name] == 1).all()
    assert billed_run(tmp_path, None).statement == billed(load_site("strem"), true()).statement


def test_a_meter_that_falls_silent_is_nobodys_loss_but_its_own(tmp_path: Path) -> None:
    """Farm 9 tells nothing from noon on: 48 quarter-hours are L3, it has no own cover then, the morning is as it was."""
    site = load_site("strem")
    found = metered_of_run(run_folder(tmp_path, lost="farm-9"), site)
    assert found.quality["farm-9"].tolist() == [1] * 48 + [3] * 48
    assert found.taken_wh["farm-9"][48:].sum() == 0
    statement = billed(site, found).statement
    assert statement.notes[0] == "48 quarter-hours rest on substitute or missing values (L2, L3)."


def test_a_reading_that_is_not_good_is_substituted(tmp_path: Path) -> None:
    """An INVALID counter at 6 h: the energy around it is spread evenly over two quarter-hours, and the sum is kept."""
    found = metered_of_run(run_folder(tmp_path, bad="farm-9"), load_site("strem"))
    assert np.flatnonzero(found.quality["farm-9"] == 2).tolist() == [23, 24]
    true_wh = true().taken_wh["farm-9"]
    assert found.taken_wh["farm-9"].sum() == true_wh.sum()
    assert abs(int(found.taken_wh["farm-9"][23]) - int(true_wh[23:25].sum()) / 2) <= 1


def test_a_folder_that_is_no_runs_is_told(tmp_path: Path) -> None:
    """No summary, no telemetry, or a site that does not ship: a sentence each."""
    with pytest.raises(BadInput, match=r"no summary\.json; expected a finished run's folder"):
        billed_run(tmp_path, None)
    (tmp_path / "summary.json").write_text(
        json.dumps({"site": "strem", "from": "2016-05-20", "days": 1}), encoding="utf-8"
    )
    with pytest.raises(BadInput, match="no telemetry; expected"):
        billed_run(tmp_path, None)
    (tmp_path / "summary.json").write_text(
        json.dumps({"site": "elsewhere", "from": "2016-05-20", "days": 1}), encoding="utf-8"
    )
    with pytest.raises(BadInput, match="site: 'elsewhere' is unknown"):
        billed_run(tmp_path, None)


def test_bills_made_again_after_a_correction_are_the_next_version(tmp_path: Path) -> None:
    """First without Farm 9's afternoon, then with it, into the same folder: 48 quarter-hours are version 2 for all.

    What is allocated then is what would have been at once; the same a third time changes nothing.
    """
    out, runner = tmp_path / "out", CliRunner()
    silent, whole = run_folder(tmp_path / "silent", lost="farm-9"), run_folder(tmp_path / "whole")
    for folder, noted in (
        (silent, "48 quarter-hours rest on"),
        (whole, "48 quarter-hours were allocated again"),
        (whole, "48 "),
    ):
        done = runner.invoke(app, ["bills", str(folder), "--out", str(out)])
        assert done.exit_code == 0, done.output
        assert noted in done.output
    found = earlier_of(out / "intervals.csv")
    assert found is not None
    assert found.allocation.version.tolist() == [1] * 48 + [2] * 48
    made = billed(load_site("strem"), true()).intervals
    assert made is not None
    assert as_csv(made).replace(",1\n", ",\n") == as_csv(found).replace(",2\n", ",\n").replace(",1\n", ",\n")
    assert found.members == made.members


def test_another_days_allocation_is_no_earlier_version(tmp_path: Path) -> None:
    """Of other instants or members nothing is corrected: all is version 1."""
    made = billed(load_site("strem"), true()).intervals
    assert made is not None
    other = Intervals(tuple(at + timedelta(days=1) for at in made.begins), made.members, made.allocation)
    assert made.after(other) is made
    assert made.after(None) is made
    assert (made.after(made).allocation.version == 1).all()


@pytest.mark.parametrize(("change", "says"), [
    (("begin,member", "start,member"), "line 1: expected the columns begin, member"),
    (("farm-2,", "farm-3,"), "line 4: expected 11 values, of each member in turn"),
    (("2016-05-19T22:00:00+00:00,farm-2", "yesterday,farm-2"), "line 3: .*expected an instant, a member and numbers"),
])  # fmt: skip
def test_intervals_that_are_not_ours_are_told_with_their_line(
    tmp_path: Path, change: tuple[str, str], says: str
) -> None:
    """A file that somebody has changed is refused, not overwritten."""
    made = billed(load_site("strem"), true()).intervals
    assert made is not None
    path = tmp_path / "intervals.csv"
    path.write_text(as_csv(made).replace(*change, 1), encoding="utf-8")
    with pytest.raises(BadInput, match=says):
        earlier_of(path)


def test_the_command_writes_a_runs_bills(tmp_path: Path) -> None:
    """A table with each member, the warning, and the files."""
    done = CliRunner().invoke(app, ["bills", str(run_folder(tmp_path / "run")), "--out", str(tmp_path / "out")])
    assert done.exit_code == 0, done.output
    assert "Farm 9 (Load 10)" in done.output
    assert "need a lawyer first" in done.output
    assert (tmp_path / "out" / "farm-9.html").is_file()
    assert json.loads((tmp_path / "out" / "community.json").read_text(encoding="utf-8"))["law"] == "Austria"


def test_a_run_s_bills_are_among_what_it_published(tmp_path: Path) -> None:
    """`iles community bills DIR`, twice: the whole once and each member once, as the statement has them; a folder without
    publications gets none."""
    bare = run_folder(tmp_path / "bare")
    assert CliRunner().invoke(app, ["bills", str(bare)]).exit_code == 0
    assert not (bare / "publications").exists()
    folder = run_folder(tmp_path / "run")
    store = ParquetStore(folder, keep=True)
    store.put("iles", SiteDescribed(DAY.start, "strem", "Europe/Vienna", 15, "dso", (), ()))
    store.put("pv", DeviceBack(DAY.end, "pv"))
    store.close()
    for _ in range(2):
        assert CliRunner().invoke(app, ["bills", str(folder)]).exit_code == 0
    statement = billed_run(folder, None).statement
    (whole,) = published(folder, CommunityBilled)
    assert (whole.paid_e4, whole.without_e4 - whole.paid_e4) == (statement.paid_e4, statement.saved_e4)
    assert whole.at == DAY.end
    told = published(folder, MemberBilled)
    assert [(one.member, one.total_e4) for one in told] == [(bill.member, bill.total_e4) for bill in statement.bills]
    assert all(sum(line.amount_e4 for line in one.lines) == one.total_e4 for one in told)
