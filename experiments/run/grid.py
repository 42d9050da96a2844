"""The power flow of the site's model on what really happened: voltages, loadings, and every limit that was broken."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from cim.model.arrays import Floats, Ints
from environment.feeder import Feeder, FlowResult, Violation, violations
from environment.sites.network import build_limits, build_network
from environment.sites.schema import Site

# As it really was: prosumer -> (active, reactive power) of each ISP, watts and vars.
Truth = dict[str, tuple[Ints, Ints]]
ByKind = dict[str, Floats]  # kind of device -> mean watts of each ISP


@dataclass(frozen=True)
class GridRecord:
    """One run's power flow and the (bus or branch, ISP) outside the site's limits."""

    flow: FlowResult
    violations: tuple[Violation, ...]

    @property
    def figures(self) -> dict[str, float]:
        """Extremes, as the summary holds them."""
        return {
            "min_voltage_pu": round(float(self.flow.voltage_pu.min()), 5),
            "max_voltage_pu": round(float(self.flow.voltage_pu.max()), 5),
            "max_loading_pct": round(float(self.flow.loading_pct.max()), 2),
        }


def evaluate(site: Site, truth: Truth) -> GridRecord:
    """Power flow of every ISP from each connection's true active and reactive power."""
    feeder = Feeder(build_network(site))
    count = len(next(iter(truth.values()))[0])
    p = np.zeros((count, len(feeder.node_names)))
    q = np.zeros_like(p)
    for prosumer in site.prosumers:
        active, reactive = truth[prosumer.name]
        p[:, feeder.node_index[prosumer.node]] += active
        q[:, feeder.node_index[prosumer.node]] += reactive
    flow = feeder.flow(p, q)
    return GridRecord(flow, violations(flow, build_limits(site)))
