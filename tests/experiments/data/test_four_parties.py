"""docs/access.md, step by step: the same query as prosumer, aggregator, DSO and researcher, and a consent withdrawn."""

from __future__ import annotations

import csv
import re
import shutil
import subprocess
from datetime import UTC, datetime
from pathlib import Path

import pytest
from typer.testing import CliRunner

from cim.model.readings import Kind, Reading
from cim.platform.access.secured import Denied
from cim.platform.orchestrator.filing import file_run
from cim.platform.parquet_store import ParquetStore
from cim.platform.publications.measured import ReadingsTaken
from environment.sites import load_site
from environment.sites.connections import site_facts
from experiments.cli.data import app

ROOT = Path(__file__).parents[3]
AT = datetime(2016, 5, 20, 10, tzinfo=UTC)
EVERYTHING = ["usage_point", "meter", "congestion_point", "begin", "value", "source"]


def strem(folder: Path) -> None:
    """What `iles run strem` leaves of one instant: a power of each of Strem's meters and devices."""
    facts = site_facts(load_site("strem"))
    store = ParquetStore(folder)
    meters = [meter for one in facts.connections for meter in one.meters]
    taken = tuple(Reading(meter, Kind.POWER, 10.0 * number, AT) for number, meter in enumerate(meters))
    store.put("devices", ReadingsTaken(AT, taken))
    store.close()
    file_run(folder, facts, AT)


def steps() -> list[str]:
    """The lines of the section's scripts."""
    text = (ROOT / "docs/access.md").read_text()
    part = text.split("## One query, four parties")[1].split("\n## ")[0]
    return [line for block in re.findall(r"```sh\n(.*?)```", part, re.DOTALL) for line in block.splitlines()]


def said(line: str, given: list[str]) -> str:
    """What a line prints; CONSENT is what the last `give` printed."""
    if line.startswith("iles run strem --out "):
        strem(Path(line.rsplit(maxsplit=1)[-1]))
        return ""
    if not line.startswith("iles data "):
        return subprocess.run(["sh", "-ec", line], capture_output=True, text=True, check=True).stdout
    words = [given[-1] if word == "CONSENT" else word for word in line.split()[2:]]
    found = CliRunner().invoke(app, words)
    if isinstance(found.exception, Denied):
        return f"denied: {found.exception}"
    assert found.exit_code == 0, found.output
    if words[:2] == ["consent", "give"]:
        given.append(found.stdout.strip())
    return found.stdout


def answered(text: str) -> tuple[list[str], list[list[str]]]:
    """The columns and rows of an answer."""
    columns, *rows = csv.reader(text.splitlines())
    return columns, rows


def test_four_parties_ask_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Rows and columns are those that the table in the docs says, and a withdrawn consent is gone at the next request."""
    shutil.copytree(ROOT / "docs/data", tmp_path / "docs/data")
    monkeypatch.chdir(tmp_path)
    given: list[str] = []
    told = [(line, said(line, given)) for line in steps()]
    asked = [(line.split(" --as ")[1].split()[0], text) for line, text in told if " ask " in line]
    assert [who for who, _ in asked] == ["farm-1", "agr-east", "dso", "lab", "lab"]
    farm, east, dso, lab, late = (answered(text) for _, text in asked)
    assert (farm[0], len(farm[1]), {row[0] for row in farm[1]}) == (EVERYTHING, 3, {"farm-1"})
    assert (east[0], len(east[1])) == (EVERYTHING[:5], 30)
    assert (dso[0], len(dso[1])) == (["usage_point", "congestion_point", "begin", "value"], 21)
    assert (lab[0], len(lab[1])) == (dso[0], 5)
    assert all(re.fullmatch(r"p-[0-9a-f]{20}", row[0]) for row in lab[1])
    assert late == (lab[0], [])
    shown = next(text for line, text in told if " access " in line and "iles" in line)
    assert "dso-connections-of-its-grid: The DSO sees the connection meters" in shown
    audit = told[-1][1]
    assert audit.count("power") >= 5
    assert "researcher-consented-connection" in audit


def test_before_anybody_consents_the_lab_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In one sentence, without a count."""
    shutil.copytree(ROOT / "docs/data", tmp_path / "docs/data")
    monkeypatch.chdir(tmp_path)
    for line in steps()[:3]:
        said(line, [])
    text = said("iles data ask out/four docs/data/power.json --as lab --purpose research", [])
    assert text.startswith("denied: access: 'lab' may not read 'power' this way")
