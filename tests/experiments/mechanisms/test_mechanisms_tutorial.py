"""The tutorial notebook runs as it stands, cell by cell, and says what it shows."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from experiments import mechanisms
from market.mechanisms.registry import MECHANISMS

NOTEBOOK = Path(mechanisms.__file__).parent / "tutorial.ipynb"


@pytest.fixture(scope="module")
def cells() -> list[dict[str, Any]]:
    """The notebook's cells."""
    found: list[dict[str, Any]] = json.loads(NOTEBOOK.read_text(encoding="utf-8"))["cells"]
    return found


def test_the_notebook_is_kept_without_outputs(cells: list[dict[str, Any]]) -> None:
    """What it shows is what it computes when somebody runs it."""
    code = [cell for cell in cells if cell["cell_type"] == "code"]
    assert len(code) >= 5
    assert all(cell["outputs"] == [] and cell["execution_count"] is None for cell in code)


def test_the_notebook_runs_and_its_new_mechanism_stands_beside_the_others(
    cells: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every cell in turn; the new mechanism keeps what it states, and on Strem's day it is efficient as stated."""
    module = ModuleType("tutorial")  # dataclasses look their module up
    monkeypatch.setitem(sys.modules, module.__name__, module)
    names = vars(module)
    for number, cell in enumerate(cells):
        if cell["cell_type"] == "code":
            exec(compile("".join(cell["source"]), f"tutorial.ipynb, cell {number}", "exec"), names)
    assert names["broken"] == 0
    assert 0 < names["lies"] < 100  # it states that it is not truthful, and says that few lies pay
    table = names["table"]
    assert list(table.index) == [*(known.name for known in MECHANISMS), "first-rejected-ask"]
    assert table.loc["first-rejected-ask", "welfare, EUR"] == table.loc["uniform-price", "welfare, EUR"]
