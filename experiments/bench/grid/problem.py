"""What is analysed: SimBench low-voltage grids on 20 May 2016, each in 20 scenarios of 96 ISPs."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from agents.planning.grid_safety.assessment import PointGrid
from agents.planning.grid_safety.cases import SafetyCase
from cim.model.arrays import Floats
from cim.model.errors import BadInput
from environment.feeder import Limits, Line, Network, Node, Transformer

ISPS, SCENARIOS = 96, 20
GRIDS = ("rural1", "rural3", "semiurb4")
LIMITS = Limits()
_DATA = Path(__file__).parent / "data"


@dataclass(frozen=True, slots=True)
class GridDay:
    """A grid and what its nodes draw on a day.

    Attributes:
        load_w, sun_w: [96, nodes] net active power of what draws and of what generates (<= 0).
        q_var: [96, nodes] net reactive power of what draws.
    """

    name: str
    network: Network
    load_w: Floats
    sun_w: Floats
    q_var: Floats

    @property
    def point(self) -> PointGrid:
        """The whole grid as one congestion point, behind its transformer."""
        network = self.network
        nodes = tuple(name for name in network.node_names if name != network.slack_node)
        return PointGrid(self.name, network.transformers[0].name, nodes, nodes, network.branch_names)


def grid_day(name: str) -> GridDay:
    """A grid by its short name.

    Raises:
        BadInput: there is no such grid here.
    """
    if name not in GRIDS:
        raise BadInput(f"grid: {name!r} is unknown; expected one of {', '.join(GRIDS)}")
    raw = json.loads((_DATA / f"{name}.json").read_text(encoding="utf-8"))
    network = Network(
        tuple(Node(**item) for item in raw["nodes"]),
        tuple(Line(**item) for item in raw["lines"]),
        tuple(Transformer(**item) for item in raw["transformers"]),
        raw["slack_node"],
        raw["slack_voltage_pu"],
    )
    with np.load(_DATA / f"{name}.npz") as day:
        load_w, sun_w, q_var = (day[key].astype(np.float64) for key in ("load_w", "sun_w", "q_var"))
    return GridDay(name, network, load_w, sun_w, q_var)


def scenarios(day: GridDay, seed: int = 1) -> tuple[SafetyCase, ...]:
    """The day again with other loads and another sky each time; the same for one seed on every machine."""
    rng, found = np.random.default_rng(seed), []
    for number in range(SCENARIOS):
        load, sky = rng.uniform(0.7, 1.3), rng.uniform(0.3, 1.05)
        wander = 1 + 0.1 * np.cumsum(rng.standard_normal(ISPS))[:, None] / np.sqrt(ISPS)
        p_w = day.load_w * load * wander + day.sun_w * sky
        q_var = day.q_var * load * wander
        found.append(SafetyCase(f"scenario {number + 1}", tuple(p_w.T), tuple(q_var.T)))
    return tuple(found)
