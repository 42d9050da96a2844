"""Profile packages from the field: a stand-in for simbench (`tests/golden/field`), with one fault at a time."""

from __future__ import annotations

import importlib.util
import json
import sys
from importlib.machinery import SourceFileLoader
from pathlib import Path

import pytest

from cim.model.errors import BadInput
from environment.profiles.grid import load_grid
from environment.profiles.simbench_import import import_grid

STAND_IN = Path(__file__).parents[1] / "golden" / "field" / "profiles_fake_simbench.txt"


@pytest.fixture(autouse=True)
def _simbench(monkeypatch: pytest.MonkeyPatch) -> None:
    """The stand-in is what `import simbench` finds."""
    loader = SourceFileLoader("simbench", str(STAND_IN))
    spec = importlib.util.spec_from_loader("simbench", loader)
    assert spec is not None
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    loader.exec_module(module)
    monkeypatch.setitem(sys.modules, "simbench", module)


@pytest.mark.parametrize(
    ("fault", "sentence"),
    [
        ("short", "renewables: its 35132 times differ from the 35136 of the loads"),
        ("shift", "renewables: its 35136 times differ from the 35136 of the loads"),
        ("nan", r"renewables\.PV1\[200\]: nan at 03\.01\.2016 02:00; expected a number"),
    ],
)
def test_profiles_that_do_not_fit_are_refused_and_nothing_is_written(
    fault: str, sentence: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A missing hour, one that was padded at the end, a value that is none: one sentence, no file."""
    monkeypatch.setenv("FAULT", fault)
    with pytest.raises(BadInput, match=sentence):
        import_grid("X", tmp_path / "pack")
    assert not (tmp_path / "pack").exists()


@pytest.mark.parametrize("fault", ["", "open_line"])
def test_an_open_line_is_left_out(fault: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Behind an open switch a line carries nothing; without it the grid is the same."""
    monkeypatch.setenv("FAULT", fault)
    grid = json.loads((import_grid("X", tmp_path / "pack") / "grid.json").read_text(encoding="utf-8"))
    assert [line["name"] for line in grid["lines"]] == ["l0"]


def test_places_are_kept_where_the_publisher_gives_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """GeoJSON of a bus becomes longitude and latitude of its node; a bus without, or a publisher without any, is no fault."""
    module = sys.modules["simbench"]
    made = module.get_simbench_net

    def placed(code: str) -> object:
        net = made(code)
        net.bus.rows[0].geo = '{"type": "Point", "coordinates": [11.4098, 53.6419]}'
        return net

    plain = json.loads((import_grid("X", tmp_path / "plain") / "grid.json").read_text(encoding="utf-8"))
    monkeypatch.setattr(module, "get_simbench_net", placed)
    grid = json.loads((import_grid("X", tmp_path / "pack") / "grid.json").read_text(encoding="utf-8"))
    assert (plain["coordinates"], grid["coordinates"]) == ({}, {"b0": [11.4098, 53.6419]})
    assert load_grid(str(tmp_path / "pack")).coordinates == {"b0": (11.4098, 53.6419)}
