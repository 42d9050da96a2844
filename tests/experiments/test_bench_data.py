"""What `iles bench data` measures is the same question on the same rows."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from cim.platform.readings.queries import ReadingQueries
from cim.platform.readings.selection import Selection
from cim.platform.readings.windows import Window
from experiments.bench import year_of_readings
from experiments.bench.data import ZONE, pandas_meter, pandas_months
from experiments.bench.year_of_readings import BEGIN, make_month, meter_name


def test_the_table_and_pandas_answer_alike(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A meter's readings and the sums by month come out the same from the table and from the CSV file, corrections in."""
    monkeypatch.setattr(year_of_readings, "FEW", 3)
    monkeypatch.setattr(year_of_readings, "MONTH_END", BEGIN + timedelta(days=2))
    make_month(tmp_path, lambda _: None)
    queries = ReadingQueries(tmp_path / "month")
    assert queries.count(Selection()) == 3 * 192
    assert queries.revisions(Selection()).num_rows == 3 * 192 + 58
    ours = queries.rows(Selection(meters=[meter_name(1)]))["value"].to_pylist()
    assert ours == pandas_meter(tmp_path / "month.csv", meter_name(1))["value"].to_list()
    sums = queries.aggregates(Selection(), Window.MONTH, ZONE, ())["sum"].to_pylist()
    assert sums == pytest.approx(pandas_months(tmp_path / "month.csv").to_list())
