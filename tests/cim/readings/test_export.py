"""An export is a whole file that says itself what is in it."""

from __future__ import annotations

import csv
import hashlib
import json
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from cim.model.errors import BadInput
from cim.platform.readings.export import export
from tests.worlds.meters import ENERGY, batch, row


def test_a_file_and_its_metadata_say_the_same(tmp_path: Path) -> None:
    """As CSV and as Parquet the rows come back; beside them stand columns, unit, checksum and what was asked for."""
    table = batch([row(quarter=k, value=k / 10) for k in range(3)]).table
    for name in ("x.csv", "x.parquet"):
        beside = export(table, tmp_path / "new" / name, {"meters": ["agr:home.meter"]})
        told = json.loads(beside.read_text())
        assert told["sha256"] == hashlib.sha256((tmp_path / "new" / name).read_bytes()).hexdigest()
        assert (told["rows"], told["meters"], list(told["columns"])) == (3, ["agr:home.meter"], table.column_names)
        assert told["reading_types"][ENERGY] == {"quantity": "energy", "unit": "kWh", "flow": "forward"}
    assert pq.read_table(tmp_path / "new" / "x.parquet").equals(table)
    with (tmp_path / "new" / "x.csv").open() as file:
        found = list(csv.DictReader(file))
    assert [(one["begin"], one["value"]) for one in found][1] == ("2026-05-20 00:15:00.000000Z", "0.1")


def test_what_cannot_be_written_leaves_nothing(tmp_path: Path) -> None:
    """Another ending, or a folder that is none, is one sentence, and no half file is left."""
    table = batch([row()]).table
    with pytest.raises(BadInput, match=r"ends with '\.xlsx'; expected one of \.parquet, \.csv"):
        export(table, tmp_path / "x.xlsx", {})
    (tmp_path / "file").touch()
    with pytest.raises(BadInput, match="cannot be written"):
        export(table, tmp_path / "file" / "x.csv", {})
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
