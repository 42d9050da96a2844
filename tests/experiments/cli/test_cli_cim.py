"""`iles cim`: a site out, a grid in, and one sentence for what is wrong."""

from __future__ import annotations

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
