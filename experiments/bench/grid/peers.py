"""The same power flows by others: power-grid-model's batch as it is, and pandapower's loop over single instants."""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
import time
from dataclasses import asdict
from pathlib import Path

import numpy as np

from cim.model.arrays import Floats
from cim.model.errors import BadInput
from environment.feeder import Network
from environment.feeder.model_input import LOAD_ID, model_input

LOOP = Path(__file__).parent / "reference" / "loop.py"
LOCK = LOOP.with_name("requirements.lock")
_PATIENCE_S = 1800


def bare_batch(network: Network, p_w: Floats, q_var: Floats) -> tuple[float, Floats]:
    """(seconds, [T, nodes] voltages per unit) of one call of power-grid-model with its defaults.

    The model and the update data are ready before the clock starts.
    """
    from power_grid_model import ComponentType, DatasetType, PowerGridModel, initialize_array

    names = network.node_names
    model = PowerGridModel(model_input(network, {name: k for k, name in enumerate(names)}))
    update = initialize_array(DatasetType.update, ComponentType.sym_load, p_w.shape)
    update["id"] = LOAD_ID + np.arange(p_w.shape[1])
    update["p_specified"], update["q_specified"] = p_w, q_var
    begun = time.perf_counter()
    output = model.calculate_power_flow(update_data={ComponentType.sym_load: update})
    seconds = time.perf_counter() - begun
    return seconds, np.asarray(output[ComponentType.node]["u_pu"], dtype=np.float64)


def pandapower_loop(python: Path, network: Network, p_w: Floats, q_var: Floats) -> tuple[float, Floats]:
    """(seconds, [T, nodes] voltages per unit) of `runpp` for each row, by an interpreter that has pandapower.

    Raises:
        BadInput: it came to nothing; the last lines say why.
    """
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        (folder / "network.json").write_text(json.dumps(asdict(network)), encoding="utf-8")
        np.savez(folder / "flows.npz", p_w=p_w, q_var=q_var)
        clean = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
        done = subprocess.run(  # noqa: S603 - our own words
            [str(python), str(LOOP), str(folder)],
            capture_output=True, text=True, env=clean, timeout=_PATIENCE_S, check=False,
        )  # fmt: skip
        if done.returncode:
            raise BadInput(f"pandapower: its loop came to nothing ({done.stderr.strip()[-300:]})")
        return float(done.stdout), np.load(folder / "voltage.npy")
