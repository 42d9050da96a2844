"""`iles data` about sources: what docs/data.md says, command by command, and what the readings then are."""

from __future__ import annotations

import re
import shutil
from datetime import datetime
from http.server import ThreadingHTTPServer
from importlib import util
from itertools import pairwise
from pathlib import Path
from threading import Thread

import pytest
from typer.testing import CliRunner

from cim.model.errors import BadInput
from cim.platform.readings.queries import ReadingQueries
from cim.platform.readings.selection import Selection
from experiments.cli import main
from experiments.data.fuzz import fuzz
from experiments.data.late import late

ROOT = Path(__file__).parents[3]


def iles(*words: str) -> tuple[int, str]:
    """Exit code and output of `iles data WORDS`."""
    main._mount()
    result = CliRunner().invoke(main.app, ["data", *words])
    if isinstance(result.exception, BadInput):
        raise result.exception
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exc_info
    return result.exit_code, result.output


def commands(heading: str) -> list[list[str]]:
    """The words of each `iles data` command under a heading of docs/data.md."""
    text = (ROOT / "docs/data.md").read_text()
    part = text.split(f"## {heading}")[1].split("\n## ")[0]
    lines = [line for block in re.findall(r"```sh\n(.*?)```", part, re.DOTALL) for line in block.splitlines()]
    return [line.split()[2:] for line in lines if line.startswith("iles data ")]


def rows(folder: Path) -> list[dict[str, object]]:
    """All readings of a data folder."""
    found: list[dict[str, object]] = ReadingQueries(folder / "data" / "readings").rows(Selection()).to_pylist()
    return found


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the docs' examples in it."""
    shutil.copytree(ROOT / "docs/data", tmp_path / "docs/data")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_csv_over_the_october_clock_change(here: Path) -> None:
    """The docs' steps give every quarter-hour of the 25 hours once, the missing value ABSENT, the too high one held, then taken."""
    outputs = [iles(*words) for words in commands("A CSV with odd headers")]
    assert [code for code, _ in outputs] == [0] * 9
    assert "1 of them would be held" in outputs[1][1]
    assert "lastgang: 199 new readings, 0 known, 1 records held" in outputs[3][1]
    assert "Bezug [kWh]: '31,500' is outside 0.0 to 25.0" in outputs[5][1]
    assert '"Bezug [kWh]"' in outputs[5][1]
    for words in ("agr-east", "energy forward", "99"):
        assert words in outputs[6][1]
    assert "2 of 2 found" in outputs[7][1]
    assert "lastgang: 0 new readings" in outputs[8][1]
    found = rows(here / "out/data-demo")
    imported = [row for row in found if ".4.1.1.12." in str(row["reading_type"])]
    begins = [row["begin"] for row in imported if isinstance(row["begin"], datetime)]
    assert (begins[0].isoformat(), begins[-1].isoformat()) == ("2024-10-26T22:00:00+00:00", "2024-10-27T22:45:00+00:00")
    assert len(set(begins)) == 99
    assert [row["quality"] for row in imported].count("ABSENT") == 1
    assert {row["usage_point"] for row in found} == {"agr-east:home-7"}
    mapping = here / "docs/data/lastgang.mapping.yaml"
    mapping.write_text(mapping.read_text().replace("high: 25", "high: 40"))
    iles("add", "out/data-demo", "docs/data/lastgang.yaml")
    assert "lastgang: 1 new readings" in iles("quarantine", "out/data-demo", "--replay")[1]
    assert len(rows(here / "out/data-demo")) == 200
    assert "the quarantine is empty" in iles("quarantine", "out/data-demo")[1]


def test_what_is_suggested_for_it_says_what_the_mapping_says(here: Path) -> None:
    """Columns, encoding, comma, interval, ends and the marker are found; the zone is right and marked as assumed."""
    text = iles("suggest", "docs/data/lastgang.csv")[1]
    expected = (
        *(
            "encoding: cp1252",
            "header_row: 4",
            'decimal: ","',
            "column: [Datum, Uhrzeit bis]",
            "interval_s: 900",
            "marks: end",
        ),
        *(
            "reading_type: energy_import",
            "reading_type: energy_export",
            "missing: ['-1']",
            "zone: Europe/Vienna  # assumed",
        ),
    )
    for line in expected:
        assert line in text


def test_el_realengo(here: Path) -> None:
    """Two homes, 24 + 25 numbered hours, decimal commas; the estimated hour is STALE; the 25 hours follow each other in UTC."""
    for words in commands("El Realengo"):
        code, output = iles(*words)
        assert code == 0, output
    found = rows(here / "out/data-demo")
    first = [row for row in found if row["usage_point"] == "el-realengo:ES0021000000000001AB"]
    home = [row for row in first if ".4.1.1.12." in str(row["reading_type"])]
    begins = [row["begin"] for row in home if isinstance(row["begin"], datetime)]
    assert len(found) == 2 * 2 * 49
    assert begins[0].isoformat() == "2024-10-25T22:00:00+00:00"
    assert {(b - a).total_seconds() for a, b in pairwise(begins)} == {3600.0}
    assert home[0]["value"] == pytest.approx(230.0)
    assert [row["quality"] for row in found].count("STALE") == 4
    suggested = iles("suggest", "docs/data/el_realengo.csv")[1]
    for line in (
        "hour_number: Hora",
        "zone: Europe/Madrid",
        "reading_type: energy_export",
        "usage_point: CUPS",
        'decimal: ","',
    ):
        assert line in suggested


@pytest.mark.slow
def test_an_http_api(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The docs' API, its key from the environment, gives two days of hours; a wrong key is one sentence and exit code 1."""
    spec = util.spec_from_file_location("hourly_api", ROOT / "docs/data/hourly_api.py")
    assert spec is not None
    assert spec.loader is not None
    module = util.module_from_spec(spec)
    spec.loader.exec_module(module)
    server = ThreadingHTTPServer(("127.0.0.1", 0), module.Hours)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        source = here / "docs/data/hourly_api.yaml"
        source.write_text(source.read_text().replace("8099", str(server.server_port)))
        monkeypatch.setenv("HOURLY_API_KEY", "wrong")
        iles("add", "out/data-demo", "docs/data/hourly_api.yaml")
        code, output = iles("run", "out/data-demo", "--once")
        assert (code, "HTTP status 401; expected 200" in output) == (1, True)
        monkeypatch.setenv("HOURLY_API_KEY", "demo")
        outputs = [iles(*words) for words in commands("An HTTP API")]
        assert [code for code, _ in outputs] == [0] * 4
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
    found = rows(here / "out/data-demo")
    assert len(found) in {47, 48}
    assert all(row["value"] == 400 + 25 * row["begin"].hour for row in found if isinstance(row["begin"], datetime))
    assert {row["meter"] for row in found} == {"agr-west:house-7.meter"}


def test_faults_are_one_sentence(here: Path) -> None:
    """A folder without data, a file that is not there, a source nobody knows."""
    with pytest.raises(BadInput, match="nowhere has no data"):
        iles("sources", "nowhere")
    with pytest.raises(BadInput, match=r"x.csv cannot be read: No such file"):
        iles("suggest", "x.csv")
    iles("add", "here", "docs/data/el_realengo.yaml")
    with pytest.raises(BadInput, match="source 'x' is not known; there are el-realengo"):
        iles("pause", "here", "x")
    assert iles("pause", "here", "el-realengo") == (0, "el-realengo: paused\n")
    assert iles("run", "here", "--once") == (0, "no source is active; `iles data sources` lists them\n")


def test_broken_records_and_mapping_files() -> None:
    """The short form of `iles data fuzz`: nothing crashes, each record is a reading or held, each sound one is taken."""
    found = fuzz(3000, 7)
    assert found.wrong == []
    assert found.taken.readings + found.taken.known + found.taken.rejects > 2900
    assert found.mappings_refused > 0


def test_late_doubled_and_corrected_readings_through_failures(monkeypatch: pytest.MonkeyPatch) -> None:
    """The short form of `iles data fuzz --late`: each reading once, with the value that was sent last, whatever fails."""
    monkeypatch.setattr("experiments.data.late._PART", 700)
    found = late(4000, 3)
    assert found.wrong == []
    assert (found.readings, found.sent) == (4000, 8000)
    assert found.interrupted > 0
