"""What the bench of access and search measures is what the product does."""

from __future__ import annotations

from pathlib import Path

import pytest

from experiments.bench import data_access


def test_the_short_bench_finds_and_decides(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With an index of a thousand documents, made once, both figures are there and the second call makes none."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(data_access, "DOCUMENTS", 1000)
    monkeypatch.setattr(data_access, "HOMES", 100)
    told: list[str] = []
    found = data_access.measure_access(False, told.append)
    assert {"policy_ms", "search_p95_ms"} <= set(found)
    assert any("making" in one for one in told)
    told.clear()
    data_access.cached_index(told.append)
    assert told == []
