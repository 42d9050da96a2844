"""`iles data` on a finished run's folder."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from cim.model.errors import BadInput
from cim.platform.orchestrator.filing import file_run
from environment.sites import load_site
from environment.sites.connections import site_facts
from experiments.cli.data import app
from experiments.data.asking import code_of
from tests.worlds.data_folders import NOON, SITE, run_folder


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run's folder with its data."""
    made = run_folder(tmp_path_factory.mktemp("run"))
    file_run(made, SITE, NOON)
    return made


def ask(*words: str | Path) -> str:
    """What the command prints."""
    found = CliRunner().invoke(app, [str(word) for word in words], catch_exceptions=False)
    assert found.exit_code == 0, found.output
    return found.stdout


def test_datasets_are_listed(folder: Path) -> None:
    """Every series of the run is a line, in local time, or an object."""
    assert len(json.loads(ask("datasets", folder, "--json"))) == 6
    shown = ask("datasets", folder)
    assert "farm.pv" in shown
    assert "2026-05-20 12:00" in shown


def test_a_meters_span_is_asked_in_local_time(folder: Path) -> None:
    """From and to are the site's own time, the end excluded; types go by ILES' names."""
    span = ("--from", "2026-05-20T12:15", "--to", "2026-05-20T13:00")
    found = json.loads(ask("query", folder, "--meter", "farm.meter", "--type", "power_w", *span, "--json"))
    assert [(row["begin"], row["value"]) for row in found] == [
        ("2026-05-20T10:15:00+00:00", -100.0),
        ("2026-05-20T10:30:00+00:00", -200.0),
        ("2026-05-20T10:45:00+00:00", -300.0),
    ]


def test_windows_are_of_meters_connections_or_all(folder: Path) -> None:
    """Means by hour, for each meter, each connection or the whole."""
    asked = ("query", folder, "--type", "power_w", "--by", "hour", "--json")
    assert [len(json.loads(ask(*asked, "--of", of))) for of in ("meter", "usage_point", "nothing")] == [6, 4, 2]
    one = json.loads(ask(*asked, "--meter", "farm.pv"))
    assert [row["mean"] for row in one] == [-500.0 / 3, -550.0]  # the second value of the first hour was absent
    assert [row["sum"] for row in one] == [None, None]  # watts at instants are not summed


def test_what_was_known_then_is_asked(folder: Path) -> None:
    """As of half past twelve only what was read by then is there."""
    asked = ("query", folder, "--meter", "farm.pv", "--type", "power_w", "--json")
    assert len(json.loads(ask(*asked, "--as-of", "2026-05-20T12:30"))) == 3
    assert len(json.loads(ask(*asked, "--revisions"))) == 8


def test_more_rows_than_the_limit_are_said(folder: Path) -> None:
    """A table shows so many rows and says how many there are."""
    assert "2 of 48 rows" in ask("query", folder, "--limit", "2")


def test_an_export_is_written_with_its_metadata(folder: Path, tmp_path: Path) -> None:
    """The file has the rows; what was asked for stands beside it."""
    said = ask("export", folder, tmp_path / "pv.csv", "--meter", "farm.pv", "--by", "day")
    assert said.startswith("2 rows in")
    told = json.loads((tmp_path / "pv.csv.metadata.json").read_text())
    assert (told["rows"], told["by"], told["meters"], told["timezone"]) == (2, "day", ["farm.pv"], "Europe/Vienna")


def test_wrong_words_are_one_sentence(folder: Path, tmp_path: Path) -> None:
    """A folder without data, an instant, a type and options that do not go together are each refused by name."""
    for words, sentence in (
        (("datasets", tmp_path), "documents.sqlite is not there"),
        (("query", folder, "--from", "noon"), "--from 'noon'; expected"),
        (("query", folder, "--type", "watts"), "type 'watts'; expected a ReadingType code or one of power_w"),
        (("query", folder, "--revisions", "--by", "day"), "expected one of them"),
        (("export", folder, tmp_path / "x.txt"), "expected one of .parquet, .csv"),
    ):
        with pytest.raises(BadInput, match=sentence.replace(".", r"\.")):
            ask(*words)


def test_types_have_names_and_codes() -> None:
    """A code stands for itself, a name for its code."""
    assert code_of("power_w") == code_of(code_of("power_w"))


def test_a_sites_meters_all_belong_to_a_connection() -> None:
    """Every smart meter, device and substation meter of Strem is found under one connection."""
    site = load_site("strem")
    known = [meter for one in site_facts(site).connections for meter in one.meters]
    devices = [p.device_name(device) for p in site.prosumers for device in p.devices]
    assert sorted(known) == sorted((*site.meters, *devices))
