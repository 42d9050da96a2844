"""Packs what `iles bench grid` analyses: `python -m experiments.bench.grid.pack_days`; needs the optional extra `simbench`."""

from __future__ import annotations

import json
import shutil
import tempfile
from datetime import datetime
from pathlib import Path

import numpy as np

from cim.model.arrays import Floats
from environment.profiles.simbench_import import import_grid

CODES = {
    "rural1": "1-LV-rural1--2-no_sw",
    "rural3": "1-LV-rural3--2-no_sw",
    "semiurb4": "1-LV-semiurb4--2-no_sw",
}
FIRST = datetime.fromisoformat("2016-05-20T00:00+02:00")
_DATA = Path(__file__).parent / "data"


def pack(name: str, out: Path = _DATA) -> None:
    """Write `name.json` (the network) and `name.npz` (a day of its nodes, whole watts and vars) to `out`."""
    import pyarrow.parquet as pq

    with tempfile.TemporaryDirectory() as scratch:
        folder = import_grid(CODES[name], Path(scratch))
        grid = json.loads((folder / "grid.json").read_text(encoding="utf-8"))
        table = pq.read_table(folder / "profiles.parquet")
        for text in ("LICENSE.md", "ATTRIBUTION.md"):
            shutil.copy(folder / text, out / f"{name}-{text}")
    first = table["time"].to_pylist().index(FIRST)
    columns = {
        key: np.asarray(table[key][first : first + 96], dtype=np.float64) for key in table.column_names if key != "time"
    }
    place = {node["name"]: number for number, node in enumerate(grid["nodes"])}
    load_w, sun_w, q_var = np.zeros((3, 96, len(place)))

    def add(to: Floats, node: str, rating: float, profile: str) -> None:
        if profile in columns:
            to[:, place[node]] += rating * columns[profile]

    for unit in grid["loads"]:
        add(load_w, unit["node"], unit["p_w"], unit["profile"])
        add(q_var, unit["node"], unit["q_var"], f"{unit['profile']}.q")
    for unit in grid["sgens"]:
        add(sun_w, unit["node"], -unit["p_w"], unit["profile"])
    network = {key: grid[key] for key in ("code", "slack_node", "slack_voltage_pu", "nodes", "lines", "transformers")}
    (out / f"{name}.json").write_text(json.dumps(network) + "\n", encoding="utf-8")
    load, sun, q = (np.rint(rows).astype(np.int32) for rows in (load_w, sun_w, q_var))
    np.savez_compressed(out / f"{name}.npz", load_w=load, sun_w=sun, q_var=q)


if __name__ == "__main__":
    for grid_name in CODES:
        pack(grid_name)
