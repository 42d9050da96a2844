"""`iles cim`: a site out, a grid in, and one sentence for what is wrong."""

from __future__ import annotations

import importlib.util
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from environment.sites import load_site
from experiments.cli.cim_page import page
from tests.experiments.cli.test_cli_errors import Iles, iles

__all__ = ["iles"]  # the command as a fixture
ROOT = Path(__file__).parents[3]


def test_export_show_import(iles: Iles, tmp_path: Path) -> None:
    """Strem goes out as CIM, is shown with its power flow, and comes in again as a site file with as many nodes."""
    out, again = tmp_path / "strem.xml", tmp_path / "again.yaml"
    assert iles("cim", "export", "strem", "--out", out).returncode == 0
    shown = iles("cim", "show", out)
    assert "BatteryUnit" in shown.stdout
    assert "busbar                    1.020000" in shown.stdout
    made = iles("cim", "import", out, "--out", again, "--homes", "0")
    assert "19 nodes, 18 branches" in made.stdout
    site = load_site(str(again))
    assert (site.name, len(site.network.nodes)) == ("again", 19)


def test_the_older_standard_is_chosen(iles: Iles, tmp_path: Path) -> None:
    """With --cgmes 2.4.15 the file is in CIM 16's namespace and has machines in the converters' place."""
    out = tmp_path / "old.xml"
    assert iles("cim", "export", "strem", "--out", out, "--cgmes", "2.4.15").returncode == 0
    text = out.read_text(encoding="utf-8")
    assert "CIM-schema-cim16#" in text
    assert "PowerElectronicsConnection" not in text


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("export", "nosuch", "--out", "x.xml"), "site: 'nosuch' is unknown"),
        (("export", "strem", "--out", "no/such/dir.xml"), "--out: 'no/such/dir.xml' cannot be written"),
        (("show", "nosuch.xml"), "CIM file 'nosuch.xml': cannot be read"),
        (("show", "pyproject.toml"), "expected well-formed XML"),
        (("import", "pyproject.toml", "--out", "x.yaml"), "expected well-formed XML"),
    ],
)
def test_wrong_input_is_one_sentence(
    iles: Iles, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...], said: str
) -> None:
    """What cannot be read or written ends with exit code 2 and one line."""
    monkeypatch.chdir(ROOT)
    ended = iles("cim", *arguments)
    assert (ended.returncode, ended.stdout) == (2, "")
    assert said in ended.stderr
    assert ended.stderr.count("\n") == 1


def test_a_name_that_is_none_for_a_site(iles: Iles, tmp_path: Path) -> None:
    """A site file whose name is none for a site is refused before anything is written."""
    source, out = tmp_path / "strem.xml", tmp_path / "My Site.yaml"
    iles("cim", "export", "strem", "--out", source)
    ended = iles("cim", "import", source, "--out", out)
    assert ended.returncode == 2
    assert not out.exists()


def test_the_page_is_drawn_from_the_classes() -> None:
    """docs/cim.md is what `iles docs cim` writes."""
    assert (ROOT / "docs" / "cim.md").read_text(encoding="utf-8") == page()


def test_the_page_can_be_done_as_it_stands(iles: Iles, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Line by line, with the readers that the tests have: both read ours; CIGRE's grid has NEPLAN's voltages, and is a site."""
    section = (
        (ROOT / "docs" / "cim.md").read_text(encoding="utf-8").partition("## Read by others")[2].partition("\n## ")[0]
    )
    lines = [line for line in section.splitlines() if line.startswith(("iles ", "cim-tools/bin/python "))]
    cimpy = importlib.util.find_spec("cimpy")
    assert cimpy is not None
    grid = Path(str(cimpy.origin)).parent / "examples" / "sampledata" / "CIGRE_MV"
    monkeypatch.chdir(tmp_path)
    said = []
    for line in lines:
        words = shlex.split(line)
        words = [
            str(path) for word in words for path in ([word] if "*.xml" not in word else sorted(grid.glob("*.xml")))
        ]
        if words[0] == "iles":
            done = iles(*words[1:])
            assert done.returncode == 0, done.stderr
            said.append(done.stdout)
        else:
            script = [sys.executable, ROOT / words[1], *words[2:]]
            said.append(subprocess.run(script, capture_output=True, text=True, check=True).stdout)
    assert len(said) == 5
    newer, older = said[2].splitlines()
    assert re.match(r"triplets: .*'EnergyConsumer': 39,", newer)
    assert re.match(r"cimpy: .*'EnergyConsumer': 39,.*'SynchronousMachine': 17", older)
    voltages = [line.split()[1:] for line in said[3].splitlines() if line.startswith("  N")]
    assert len(voltages) == 15
    assert all(abs(float(ours) - float(theirs)) < 1.5e-6 for ours, theirs in voltages)
    assert "15 nodes, 14 branches, 18 connections" in said[4]
