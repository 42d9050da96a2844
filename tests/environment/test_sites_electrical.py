"""Units mistaken for others, and parts of a grid that cannot be, are refused in one sentence before anything runs."""

from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml

from cim.model.errors import BadInput
from environment.profiles.library import load, pack_dir
from environment.sites import load_site
from environment.sites.loader import SiteFaults, parse_site

STREM = yaml.safe_load((Path(__file__).parents[2] / "environment" / "sites" / "strem.yaml").read_text(encoding="utf-8"))


def _value(where: dict[str, Any], key: str, to: float) -> None:
    where[key] = {**where[key], "value": to}


def _line(number: int, **values: float) -> Callable[[dict[str, Any]], None]:
    def change(raw: dict[str, Any]) -> None:
        for key, to in values.items():
            _value(raw["network"]["lines"][number], key, to)

    return change


def _limit(**values: float) -> Callable[[dict[str, Any]], None]:
    def change(raw: dict[str, Any]) -> None:
        for key, to in values.items():
            _value(raw["network"] if key == "slack_voltage_pu" else raw["limits"], key, to)

    return change


def _transformer(hv_v: float, lv_v: float) -> Callable[[dict[str, Any]], None]:
    def change(raw: dict[str, Any]) -> None:
        given = {
            "rated_va": 400_000,
            "hv_v": hv_v,
            "lv_v": lv_v,
            "uk_pct": 4,
            "copper_loss_w": 4600,
            "iron_loss_w": 600,
        }
        network = raw["network"]
        network["nodes"].append({"name": "below", "nominal_v": {"value": 400, "assumed": True}})
        network["transformers"].append(
            {"name": "station", "hv_node": "mv-1", "lv_node": "below", "clock": 5}
            | {key: {"value": value, "assumed": True} for key, value in {**given, "i0_pct": 0.3}.items()}
        )

    return change


def _second_point(raw: dict[str, Any]) -> None:
    point = raw["congestion_points"][-1]
    raw["congestion_points"].append({**point, "id": f"{point['id']}-too"})


def _watts_as_kilowatts(raw: dict[str, Any]) -> None:
    home = next(one for one in raw["prosumers"] if one["name"] == "farm-1")
    _value(home["base_load"], "peak_w", 1000 * home["base_load"]["peak_w"]["value"])


def _rated(raw: dict[str, Any]) -> None:
    home = next(one for one in raw["prosumers"] if one["name"] == "farm-1")
    _value(next(one for one in home["devices"] if one["kind"] == "pv"), "rated_w", 2e6)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (
            _limit(slack_voltage_pu=20),
            "network.slack_voltage_pu: 20 is no voltage per unit; expected 0.5 to 1.5, such as 1.02",
        ),
        (_limit(min_voltage_pu=0.09), "limits.min_voltage_pu: 0.09 is no voltage per unit"),
        (_limit(max_voltage_pu=110), "limits.max_voltage_pu: 110 is no voltage per unit"),
        (
            _limit(min_voltage_pu=1.05),
            "network.slack_voltage_pu: 1.02 is outside the limits, 1.05 to 1.1, so the grid breaks them",
        ),
        (_limit(max_loading_pct=1.0), "limits.max_loading_pct: 1 is no limit in per cent; expected 10 to 300"),
        (_limit(max_loading_pct=1000), "limits.max_loading_pct: 1000 is no limit in per cent"),
        (
            lambda raw: _value(raw["network"]["nodes"][3], "nominal_v", 20),
            "network: line-3 joins mv-2 (20000 V) and mv-3 (20 V); expected one nominal_v, or a transformer between them",
        ),
        (_transformer(20, 0.4), "network: transformer station has 20 V at mv-1, whose nominal_v is 20000 V"),
        (_transformer(20_000, 230), "network: transformer station has 230 V at below, whose nominal_v is 400 V"),
        (
            _line(0, r_ohm_per_km=206),
            "network.lines: line-1 at its rated 33 A would lose 177 % of the voltage, so it has no power flow",
        ),
        (_line(0, x_ohm_per_km=206), "network.lines: line-1 at its rated 33 A would lose 177 %"),
        (_line(0, rated_a=33_000), "network.lines: line-1 at its rated 33000 A would lose 203 %"),
        (_line(0, rated_a=0.33), "pv-field.pv of 1340000 W is more than 3 times what line-1 carries (11432 VA)"),
        (_watts_as_kilowatts, "farm-1's base load of "),
        (
            _rated,
            "prosumers: farm-1.pv of 2000000 W is more than 3 times what MV1.101-LV1.101-Trafo 1 carries (160000 VA)",
        ),
        (
            _second_point,
            "congestion_points: MV1.101-LV1.101-Trafo 1 is the branch of ea1.2016-01.at.strem:lv-rural1 and of ",
        ),
        (
            lambda raw: raw.update(default_day="2031-01-01"),
            "default_day: 2031-01-01 is outside the profiles simbench-rural1; expected 2016-01-01 to 2016-12-31",
        ),
    ],
)
def test_a_number_that_no_grid_has_is_refused(change: Callable[[dict[str, Any]], None], sentence: str) -> None:
    """Per cent or kilovolts for per unit, a share for per cent, kilovolts for volts, milliohms, kilowatts: said before the run."""
    raw = copy.deepcopy(STREM)
    change(raw)
    with pytest.raises(SiteFaults) as refused:
        parse_site(yaml.safe_dump(raw), "mine.yaml")
    assert any(sentence in fault for fault in refused.value.faults), refused.value.faults
    assert all("expected" in fault for fault in refused.value.faults)


@pytest.mark.parametrize("change", [_transformer(20_000, 400), _transformer(21_000, 420), _line(0, rated_a=60)])
def test_what_a_grid_may_have_is_taken(change: Callable[[dict[str, Any]], None]) -> None:
    """A transformer with its taps, a stronger line; and both sites that ship."""
    raw = copy.deepcopy(STREM)
    change(raw)
    assert parse_site(yaml.safe_dump(raw), "mine.yaml").name == "strem"
    assert load_site("el_realengo").name == "el-realengo"


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        ("nan", "has no number at 2016-01-01T00:00:00+00:00, and 1 such values; expected one for each quarter-hour"),
        ("missing", "are not quarter-hours in a row"),
        ("hour", "are not quarter-hours in a row"),
    ],
)
def test_profiles_with_holes_are_refused_with_the_site(tmp_path: Path, fault: str, words: str) -> None:
    """A folder changed by hand: a value that is none, a quarter-hour that is missing, an hour that comes twice."""
    table = pq.read_table(pack_dir("simbench-rural1") / "profiles.parquet")
    name = next(column for column in table.column_names if column != "time")
    rows = np.arange(800)
    if fault == "missing":
        rows = np.delete(rows, 40)
    if fault == "hour":
        rows = np.concatenate([rows[:40], rows[36:]])
    table = table.take(pa.array(rows))
    if fault == "nan":
        values = table[name].to_numpy().copy()
        at = int(np.flatnonzero(table["time"].to_numpy() == np.datetime64("2016-01-01T00:00:00"))[0])
        values[at] = np.nan
        table = table.set_column(table.column_names.index(name), name, pa.array(values))
    folder = tmp_path / f"pack-{fault}"
    folder.mkdir()
    pq.write_table(table, folder / "profiles.parquet")
    raw = {**copy.deepcopy(STREM), "profiles": str(folder)}
    with pytest.raises(SiteFaults) as refused:
        parse_site(yaml.safe_dump(raw), "mine.yaml")
    assert any(words in sentence for sentence in refused.value.faults), refused.value.faults
    with pytest.raises(BadInput):
        load(str(folder))
