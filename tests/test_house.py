"""What keeps the house a place to live in: sizes of files and parts, types that say something, rooms that stay small."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parent.parent
ROOMS = ("agents", "cim", "devices", "environment", "experiments", "market", "pilot", "portal")
Functions = ast.FunctionDef | ast.AsyncFunctionDef


@cache
def sources() -> tuple[tuple[Path, str, ast.Module], ...]:
    """Every module of the product: its path, text and syntax tree."""
    paths = sorted(path for room in ROOMS for path in (ROOT / room).rglob("*.py"))
    return tuple((path, path.read_text(), ast.parse(path.read_text())) for path in paths)


def classes(room: str) -> Iterator[tuple[Path, ast.ClassDef]]:
    """The classes of a room."""
    for path, _, tree in sources():
        if path.is_relative_to(ROOT / room):
            yield from ((path, node) for node in ast.walk(tree) if isinstance(node, ast.ClassDef))


def test_no_file_is_too_long_to_read_in_one_sitting() -> None:
    """No module has more than 350 lines."""
    assert [(path.name, text.count("\n")) for path, text, _ in sources() if text.count("\n") > 350] == []


def test_parts_stay_small() -> None:
    """No class of a role has more than 250 lines, and no part's state more than ten fields."""
    found = [(path.name, node.name) for path, node in classes("agents/roles") if node.end_lineno - node.lineno > 250]  # type: ignore[operator]
    states = [node for _, node in classes("agents/roles") if node.name.endswith("State")]
    fields = {node.name: sum(isinstance(item, ast.AnnAssign) for item in node.body) for node in states}
    assert found == []
    assert len(states) > 20
    assert {name: count for name, count in fields.items() if count > 10} == {}


def test_signatures_say_what_they_take() -> None:
    """Fewer than 120 functions have `Any`, or another name for it, in their signature."""
    aliases = {"Any"}
    for _, _, tree in sources():
        for node in tree.body:
            if isinstance(node, ast.Assign) and isinstance(node.value, ast.Name) and node.value.id == "Any":
                aliases |= {target.id for target in node.targets if isinstance(target, ast.Name)}
    vague = [
        f"{path.relative_to(ROOT)}:{node.lineno}"
        for path, _, tree in sources()
        for node in ast.walk(tree)
        if isinstance(node, Functions) and any(_names(annotation) & aliases for annotation in _annotations(node))
    ]
    assert len(vague) < 120, vague


def _annotations(node: Functions) -> Iterator[ast.expr]:
    arguments = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs, node.args.vararg, node.args.kwarg]
    yield from (a.annotation for a in arguments if a is not None and a.annotation is not None)
    if node.returns is not None:
        yield node.returns


def _names(annotation: ast.expr) -> set[str]:
    return {node.id for node in ast.walk(annotation) if isinstance(node, ast.Name)}


def test_keeping_agents_alive_stays_the_smaller_part() -> None:
    """The runtime has at most 4,700 lines: what it is for is the larger part."""
    assert sum(text.count("\n") for path, text, _ in sources() if path.is_relative_to(ROOT / "agents/runtime")) <= 4700


def test_every_package_says_what_lives_there_and_what_never_does() -> None:
    """Each package's first words are two sentences: the one about what is there, the other about what is not."""
    silent = []
    for path, _, tree in sources():
        if path.name != "__init__.py" or path.parent.name == "data":
            continue
        words = ast.get_docstring(tree) or ""
        if words.count(".") < 2 or not any(
            word in words for word in ("never", "No ", "no ", "Nothing", "nothing", "not")
        ):
            silent.append(str(path.relative_to(ROOT)))
    assert silent == []
