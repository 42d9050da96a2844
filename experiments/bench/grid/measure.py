"""How long the safety analysis of 96 ISPs in 20 scenarios takes, and whether its voltages are those of others."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from agents.planning.grid_safety.cases import analyse_cases
from environment.feeder import Feeder
from experiments.bench.figures import Figures
from experiments.bench.grid.peers import LOCK, bare_batch, pandapower_loop
from experiments.bench.grid.problem import GRIDS, ISPS, LIMITS, SCENARIOS, GridDay, grid_day, scenarios
from experiments.bench.uftp_reference.environment import reference_python

_FEW, _MANY = 7, 45


def measure(full: bool, tell: Callable[[str], None]) -> Figures:
    """All figures of this machine.

    Args:
        full: more repetitions, and pandapower's loop over all instants instead of 96 of them, scaled.
        tell: is told what goes on.
    """
    tell("pandapower's environment (made at first)")
    python = reference_python(Path(".reference") / "pandapower", LOCK)
    grids = {name: _grid(grid_day(name), python, full, tell) for name in GRIDS}
    ratios = {name: {key: found[key] for key in found if key.startswith("vs_")} for name, found in grids.items()}
    return {
        "isps": ISPS,
        "scenarios": SCENARIOS,
        "grids": {
            name: {key: found[key] for key in found if not key.startswith("vs_")} for name, found in grids.items()
        },
        "ratios": ratios,
        "max_voltage_difference_pu": max(found["voltage_difference_pu"] for found in grids.values()),
    }


def _grid(day: GridDay, python: Path, full: bool, tell: Callable[[str], None]) -> dict[str, float]:
    """Of one grid; ours and power-grid-model take turns, so that what else the machine does troubles both."""
    cases, nodes, point = scenarios(day), day.network.node_names, day.point
    p_w = np.concatenate([np.stack(case.p_w, axis=1) for case in cases])
    q_var = np.concatenate([np.stack(case.q_var, axis=1) for case in cases])
    tell(f"{day.name}: the analysis, and power-grid-model")
    ours_s, bare_s = list[float](), list[float]()
    analyse_cases(day.network, LIMITS, (point,), nodes, cases)
    _, bare = bare_batch(day.network, p_w, q_var)
    for _ in range(_MANY if full else _FEW):
        begun = time.perf_counter()
        found = analyse_cases(day.network, LIMITS, (point,), nodes, cases)
        ours_s.append(time.perf_counter() - begun)
        bare_s.append(bare_batch(day.network, p_w, q_var)[0])
    tell(f"{day.name}: pandapower's loop")
    rows = np.arange(len(p_w)) if full else np.arange(0, len(p_w), SCENARIOS)
    loop_s, theirs = pandapower_loop(python, day.network, p_w[rows], q_var[rows])
    loop_s *= len(p_w) / len(rows)
    voltage = Feeder(day.network).flow(p_w, q_var).voltage_pu
    worst = max(float(np.abs(voltage - bare).max()), float(np.abs(voltage[rows] - theirs).max()))
    ours = statistics.median(ours_s)
    return {
        "nodes": len(nodes),
        "analysis_ms": 1000 * ours,
        "power_grid_model_ms": 1000 * statistics.median(bare_s),
        "pandapower_loop_s": loop_s,
        "voltage_difference_pu": worst,
        "isps_with_broken_limits": float(sum(case.broken.sum() for case in found)),
        "vs_pandapower_loop": loop_s / ours,
        "vs_power_grid_model_bare": statistics.median(one / other for one, other in zip(ours_s, bare_s, strict=True)),
    }
