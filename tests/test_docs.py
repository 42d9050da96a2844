"""The documentation names what is there."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
ROOMS = ("agents", "cim", "devices", "environment", "experiments", "market", "pilot", "portal", "tests", "docs")


def named(text: str) -> list[str]:
    """Paths in backquotes; a bare file name stands beside the last path before it."""
    found: list[str] = []
    for word in re.findall(r"`([^`\s]+)`", text):
        if word.startswith(tuple(f"{room}/" for room in ROOMS)):
            found.append(word)
        elif re.fullmatch(r"[a-z_]+\.(py|yaml)", word) and found and not (ROOT / word).exists():
            last = Path(found[-1])
            found.append(str((last if found[-1].endswith("/") else last.parent) / word))
    return found


PAGES = ["README.md", *(f"docs/{page.name}" for page in sorted((ROOT / "docs").glob("*.md")))]


@pytest.mark.parametrize("page", PAGES)
def test_every_path_that_a_page_names_is_there(page: str) -> None:
    """Who follows the documentation finds each file and folder that it names."""
    text = (ROOT / page).read_text()
    paths = [path for line in text.splitlines() for path in named(line)]
    assert [path for path in paths if not (ROOT / path).exists()] == []


TASKS = {
    "Volt-VAr": "devices/port/",
    "the price a battery offers": "agents/planning/elements/battery.py",
    "add a market mechanism": "market/mechanisms/",
    "El Realengo": "environment/sites/schema.py",
    "in another database": "cim/platform/store.py",
    "a DSO page of orders": "portal/screens/",
    "OCPP 1.6": "devices/ocpp/v16/",
    "another forecast model": "agents/planning/forecast/",
    "how the ADMM converges": "agents/planning/dispatch/admm.py",
    "who may see which rows": "cim/platform/access/policies/default.cedar",
}


@pytest.mark.parametrize("task", TASKS)
def test_the_map_leads_each_task_to_its_room(task: str) -> None:
    """Ten things a new engineer may be asked for: one line of the map names each, and beside it the place where it begins."""
    rows = re.findall(r"^\| ([^|]+) \| (.+) \|$", (ROOT / "docs/map.md").read_text(), re.MULTILINE)
    (places,) = [places for words, places in rows if task in words]
    assert TASKS[task] in named(places)


def test_what_the_walk_says_to_look_at_is_in_its_file() -> None:
    """Each step names at least one class, method or function, and each that it names stands in the file of that step."""
    rows = re.findall(r"^\| \d+ \| `([^`]+)` \| (.+) \|$", (ROOT / "docs/walk.md").read_text(), re.MULTILINE)
    assert len(rows) > 20
    missing = []
    for path, words in rows:
        defined, tree = set(), ast.parse((ROOT / path).read_text())
        for node in tree.body:
            if isinstance(node, ast.ClassDef | ast.FunctionDef):
                defined.add(node.name)
            if isinstance(node, ast.ImportFrom):  # what it takes and gives is defined elsewhere
                defined |= {name.name for name in node.names}
            if isinstance(node, ast.ClassDef):
                functions = (item for item in node.body if isinstance(item, ast.FunctionDef | ast.AsyncFunctionDef))
                defined |= {f"{node.name}.{function.name}" for function in functions}
        symbols = re.findall(r"`([^`]+)`", words)
        missing += [f"{path}: {symbol}" for symbol in symbols or ["nothing to look at"] if symbol not in defined]
    assert missing == []


def test_the_walk_is_short() -> None:
    """One quarter-hour from a register to the ledger leads through at most 25 files."""
    files = [path for line in (ROOT / "docs/walk.md").read_text().splitlines() for path in named(line)]
    assert len({path for path in files if path.endswith(".py")}) <= 25
