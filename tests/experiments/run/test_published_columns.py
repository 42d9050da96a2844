"""The table of what every column did: read back with DuckDB, as an outsider would."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb
import numpy as np

from environment.physics.device_truth import DeviceTruth
from experiments.run.columns.column import Column, ColumnName
from experiments.run.columns.published import FILE, write_columns

BEGIN = datetime(2016, 5, 19, 22, tzinfo=UTC)
ISP = timedelta(minutes=15)
STARTS = [BEGIN + k * ISP for k in range(2)]


def column(battery_w: list[float], pv_w: list[float]) -> Column:
    """A farm with a battery and sun of 1 kW."""
    power = {"farm.battery": np.array(battery_w), "farm.pv": np.array(pv_w)}
    net = power["farm.battery"] + power["farm.pv"]
    devices = DeviceTruth(
        {"farm.battery": "battery", "farm.pv": "pv"},
        power,
        {"farm.pv": np.array([-1000.0, -1000.0])},
        0.0,
        0.0,
        stored_wh={"farm.battery": np.array([500.0, 700.0])},
    )
    truth = {"farm": (net.astype(np.int64), np.array([10, -10]))}
    return Column(truth, {"battery": power["farm.battery"], "pv": power["farm.pv"]}, devices)


def test_anyone_can_read_what_every_column_did(tmp_path: Path) -> None:
    """Energy of a battery, its content, lost sun, vars of the connection, and the true change between two columns, by SQL."""
    columns = {
        ColumnName.LOCAL: column([0, 0], [-1000, -1000]),
        ColumnName.MARKET: column([800, -400], [-1000, -900]),
    }
    write_columns(tmp_path, columns, STARTS, ISP)
    assert duckdb.sql(f"select count(*) from '{tmp_path / FILE}'").fetchall() == [(12,)]
    asked = """select column_, sum(power_w * duration_s / 3600), min(stored_wh), sum(power_w - available_w), max(reactive_var)
        from (select "column" as column_, * from table) group by all order by all"""
    assert duckdb.sql(asked.replace("from table", f"from '{tmp_path / FILE}'")).fetchall() == [
        ("local", -1000.0, 500.0, 0.0, 10.0),
        ("market", -750.0, 500.0, 100.0, 10.0),
    ]
    changed = f"""select m.kind, sum(abs(m.power_w - l.power_w)) / 4 from '{tmp_path / FILE}' m join '{tmp_path / FILE}' l
        using (name, start, kind) where m."column" = 'market' and l."column" = 'local' group by all order by all"""
    assert duckdb.sql(changed).fetchall() == [("battery", 300.0), ("connection", 275.0), ("pv", 25.0)]
    assert duckdb.sql(f"select min(epoch(start)) from '{tmp_path / FILE}'").fetchall() == [(BEGIN.timestamp(),)]
