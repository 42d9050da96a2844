"""What `iles bench grid` measures: real grids, the number of flows that is said, voltages as bare power-grid-model has them."""

from __future__ import annotations

import venv
from pathlib import Path

import numpy as np
import pytest

from agents.planning.grid_safety.cases import analyse_cases
from cim.model.errors import BadInput
from environment.profiles.grid import load_grid
from experiments.bench.grid.peers import bare_batch, pandapower_loop
from experiments.bench.grid.problem import GRIDS, ISPS, LIMITS, SCENARIOS, grid_day, scenarios


@pytest.mark.parametrize("name", GRIDS)
def test_the_scenarios_are_of_the_size_that_is_said(name: str) -> None:
    """20 scenarios of 96 ISPs, the same for one seed and others for another; what draws draws, what generates feeds in."""
    day = grid_day(name)
    found, again, other = scenarios(day), scenarios(day), scenarios(day, 2)
    assert (len(found), len(found[0].p_w), len(found[0].p_w[0])) == (SCENARIOS, len(day.network.nodes), ISPS)
    np.testing.assert_array_equal(found[3].p_w, again[3].p_w)
    assert not np.array_equal(found[3].p_w, other[3].p_w)
    assert day.load_w.min() >= 0
    assert day.sun_w.max() <= 0
    assert day.load_w.sum() > 0
    assert day.sun_w.sum() < 0


@pytest.mark.parametrize("name", GRIDS)
def test_the_analysis_finds_what_the_bare_batch_has(name: str) -> None:
    """Each scenario's worst voltage is one of the bare batch's, in its row; so what is compared is the same work."""
    day = grid_day(name)
    few = scenarios(day)[:2]
    p_w = np.concatenate([np.stack(case.p_w, axis=1) for case in few])
    q_var = np.concatenate([np.stack(case.q_var, axis=1) for case in few])
    _, voltage = bare_batch(day.network, p_w, q_var)
    names = day.network.node_names
    for number, case in enumerate(analyse_cases(day.network, LIMITS, (day.point,), names, few)):
        for isp in range(ISPS):
            row = voltage[number * ISPS + isp]
            assert case.voltage_pu[isp] == pytest.approx(row[names.index(case.node[isp])], abs=1e-9)


def test_the_grid_is_the_one_that_the_site_uses() -> None:
    """rural1 here is rural1 of the profile pack, packed once more."""
    assert grid_day("rural1").network == load_grid("simbench-rural1").network


def test_an_unknown_grid_is_told() -> None:
    """Which there are."""
    with pytest.raises(BadInput, match="grid: 'rural9' is unknown; expected one of rural1, rural3, semiurb4"):
        grid_day("rural9")


def test_pandapowers_loop_that_comes_to_nothing_is_told(tmp_path: Path) -> None:
    """By an interpreter without pandapower: the last of what it said."""
    day = grid_day("rural1")
    bare = tmp_path / "bare"
    venv.create(bare)
    with pytest.raises(BadInput, match=r"pandapower: its loop came to nothing [\s\S]*No module named"):
        pandapower_loop(bare / "bin" / "python", day.network, day.load_w[:1], day.q_var[:1])
