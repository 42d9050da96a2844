"""The table of losses: a row for each meter and link, run once, and never taken from another run."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from cim.model.errors import BadInput
from cim.platform.publications.settlement import SettledIsp, SettledOrder, SettlementTold
from environment.sites import load_site
from experiments.cli.losses import _party_cells, losses
from experiments.losses.study import LossRow, PartyRow, keep_rows, losses_of, name_of, parties_of, read_rows, run_key
from experiments.run.settings import RunSettings
from tests import worlds

SITE = Path(worlds.__file__).parent / "wind_farm.yaml"
ROW = LossRow("key", "farm.wind", "12:00", 1, 2, 3, 4, 5, 6, 0, 0, 0, 7)


def test_every_meter_and_device_is_lost_at_each_time_after_nothing_is() -> None:
    """At Strem 59 of them, each at noon and all day; a name that is none of them is refused in one sentence."""
    site = load_site("strem")
    found = losses_of(site, (720, None))
    assert found[0] == ("", None)
    assert len(found) == 1 + 2 * 59
    assert {name_of(loss)[1] for loss in found[1:]} == {"12:00", "day"}
    with pytest.raises(BadInput, match=r"only: 'farm-99\.pv' is no meter or device of strem"):
        losses_of(site, (720,), ("farm-1.pv", "farm-99.pv"))


def test_rows_of_another_run_are_left_out(tmp_path: Path) -> None:
    """Another seed, day or program, a row of another shape and a torn file are as if nothing were there."""
    path = tmp_path / "losses.json"
    assert read_rows(path, "key") == {}
    keep_rows(path, [ROW, replace(ROW, run="other", device="farm.battery"), replace(ROW, since="day")])
    assert set(read_rows(path, "key")) == {("farm.wind", "12:00"), ("farm.wind", "day")}
    path.write_text(json.dumps([asdict(ROW), {"device": "farm.wind"}, 7]))
    assert read_rows(path, "key") == {("farm.wind", "12:00"): ROW}
    path.write_text(path.read_text()[:-9])
    assert read_rows(path, "key") == {}
    settings = RunSettings("strem", None, 1, 1, "local", "direct", 1, tmp_path)
    assert len({run_key(settings), run_key(replace(settings, seed=2)), run_key(replace(settings, site=str(SITE)))}) == 3


DAY = date(2016, 5, 20)


def told(buyer: str, seller: str, *orders: tuple[str, int, int, int]) -> SettlementTold:
    """A settlement of orders: (element or congestion point, watts delivered in two ISPs, price, penalty)."""
    rows = tuple(
        SettledOrder("o", place, DAY, price, fine, price - fine, (SettledIsp(9, 0, watts, watts, watts, 0, 2),))
        for place, watts, price, fine in orders
    )
    return SettlementTold(datetime(2016, 5, 21, tzinfo=UTC), "s", buyer, seller, DAY, DAY, 1, "EUR", rows)


def test_each_party_has_what_was_settled_really_changed_paid_and_fined_of_its_own() -> None:
    """Two members of one aggregator and one of another that sold nothing: fines by party, elements by whose they are."""
    settlements = [
        told("dso", "agr", ("point", -2000, 900, 70)),
        told("agr", "farm-1", ("farm-1.pv", 1000, 300, 0), ("farm-1.bat", -3000, 200, 50)),
        told("agr", "farm-2", ("farm-2.pv", 500, 100, 20)),
        told("dso", "agr-2"),
        told("agr-2", "farm-3"),
    ]
    found = parties_of(settlements, {"farm-1.pv": 400.4, "farm-1.bat": 100.0, "farm-2.pv": 250.0}, 0.25)
    assert found == (
        PartyRow("agr", 2250, 750, 900, 70),
        PartyRow("agr-2", 0, 0, 0, 0),
        PartyRow("farm-1", 2000, 500, 500, 50),
        PartyRow("farm-2", 250, 250, 100, 20),
        PartyRow("farm-3", 0, 0, 0, 0),
    )


def test_the_table_shows_who_was_fined_and_the_file_keeps_all(tmp_path: Path) -> None:
    """Of two parties one was fined 0.005 EUR: it alone has a line; both are in the rows that are read again."""
    parties = PartyRow("agr", 2250, 750, 900, 0), PartyRow("farm-1", 2000, 500, 500, 50)
    row = replace(ROW, parties=parties)
    assert _party_cells(row) == [("farm.wind", "12:00", "farm-1", "2.0", "0.5", "0.05", "0.01")]
    keep_rows(tmp_path / "losses.json", [row])
    assert read_rows(tmp_path / "losses.json", "key") == {row.loss: row}


@pytest.mark.slow
def test_the_command_loses_a_turbine_and_runs_nothing_twice(tmp_path: Path) -> None:
    """Of the turbine lost at noon nothing is settled, paid or fined; the same call again writes nothing; other rows are added."""
    out = tmp_path / "losses.json"
    app = typer.Typer()
    app.command()(losses)
    command = [str(SITE), "--since", "12:00", "--processes", "1", "--out", str(out), "--only"]
    turbine = "farm.wind"
    done = CliRunner().invoke(app, [*command, turbine])
    assert done.exit_code == 0, done.output
    nothing, lost = (LossRow(**row) for row in json.loads(out.read_text()))
    assert sorted((nothing.device, lost.device)) == ["", turbine]
    assert (lost.lost_settled_wh, lost.lost_paid_e4, lost.lost_fined_e4) == (0, 0, 0)
    at = out.stat().st_mtime_ns
    assert CliRunner().invoke(app, [*command, turbine]).exit_code == 0
    assert out.stat().st_mtime_ns == at
