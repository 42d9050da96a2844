"""The power flow of the site's model on what really happened: voltages, loadings, and every limit that was broken."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from cim.model.arrays import Floats, Ints
from environment.feeder import Feeder, FlowResult, Network, Violation, rated_va, violations
from environment.sites.network import build_limits, build_network
from environment.sites.schema import Site

# As it really was: prosumer -> (active, reactive power) of each ISP, watts and vars.
Truth = dict[str, tuple[Ints, Ints]]
ByKind = dict[str, Floats]  # kind of device -> mean watts of each ISP


@dataclass(frozen=True)
class GridRecord:
    """One run's power flow and the (bus or branch, ISP) outside the site's limits.

    Attributes:
        over_limit_wh: apparent energy beyond the limit at the congestion points' branches, watt-hours.
    """

    flow: FlowResult
    violations: tuple[Violation, ...]
    over_limit_wh: float

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
    flow, limits = feeder.flow(p, q), build_limits(site)
    over = over_limit_va(site, feeder.network, flow, limits.max_loading_pct)
    return GridRecord(flow, violations(flow, limits), float(over.sum()) * site.isp_minutes / 60)


def over_limit_va(site: Site, network: Network, flow: FlowResult, limit_pct: float) -> Floats:
    """How far each congestion point's branch is above the loading limit, VA, shape (T, points).

    From the power flow's loading: of the branch's rated current at nominal voltage, or of the transformer's rating.
    """
    rated = rated_va(network)
    columns = [flow.branch_names.index(point.branch) for point in site.congestion_points]
    ratings = np.array([rated[point.branch] for point in site.congestion_points])
    over: Floats = np.maximum(flow.loading_pct[:, columns] - limit_pct, 0.0) / 100 * ratings
    return over
