"""Every input of `tests/golden/field` is read by a test, under its own name or as the same readings in `golden/metering`."""

from __future__ import annotations

import json
from pathlib import Path

TESTS = Path(__file__).parents[1]
FIELD = TESTS / "golden" / "field"


def test_every_input_from_the_field_has_a_test() -> None:
    """43 files and the manager without a subprotocol: none is there for show."""
    sources = [path.read_text(encoding="utf-8") for path in TESTS.rglob("test_*.py") if path != Path(__file__)]
    metered = [json.loads(path.read_text(encoding="utf-8")) for path in TESTS.glob("golden/metering/*/input.json")]
    readings = [case["readings"] for case in metered]
    files = sorted(path for path in FIELD.iterdir() if path.name != "source.md")
    unread = [
        path.name
        for path in files
        if not any(path.name in source for source in sources)
        and not (path.suffix == ".json" and json.loads(path.read_text(encoding="utf-8")).get("readings") in readings)
    ]
    assert len(files) == 43
    assert unread == []
    assert any("test_a_manager_without_a_subprotocol_is_let_in" in source for source in sources)
