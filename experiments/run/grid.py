"""The power flow of the site's model on what really happened: voltages, loadings, and every limit that was broken."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from cim.model.arrays import Floats, Ints
from environment.feeder import Feeder, FlowResult, Network, Violation, rated_va, settled_flow, violations
from environment.sites.network import build_inverters, build_limits, build_network
from environment.sites.schema import Site

# As it really was: prosumer -> (active, reactive power) of each ISP, watts and vars.
Truth = dict[str, tuple[Ints, Ints]]
ByKind = dict[str, Floats]  # kind of device -> mean watts of each ISP


@dataclass(frozen=True)
class GridRecord:
    """One run's power flow and the (bus or branch, ISP) outside the site's limits.

    Attributes:
        over_limit_wh: apparent energy that has to be moved for no congestion point to be beyond its limit (`needed_va`).
        over_limit_at_points_wh: what each congestion point's branch is beyond its limit, added up: nested ones twice.
    """

    flow: FlowResult
    violations: tuple[Violation, ...]
    over_limit_wh: float
    over_limit_at_points_wh: float

    @property
    def figures(self) -> dict[str, float]:
        """Extremes, as the summary holds them."""
        return {
            "min_voltage_pu": round(float(self.flow.voltage_pu.min()), 5),
            "max_voltage_pu": round(float(self.flow.voltage_pu.max()), 5),
            "max_loading_pct": round(float(self.flow.loading_pct.max()), 2),
        }


def evaluate(site: Site, truth: Truth) -> GridRecord:
    """Power flow of every ISP from each connection's true active and reactive power, and what inverters add by `volt_var`."""
    feeder = Feeder(build_network(site))
    count = len(next(iter(truth.values()))[0])
    p = np.zeros((count, len(feeder.node_names)))
    q = np.zeros_like(p)
    for prosumer in site.prosumers:
        active, reactive = truth[prosumer.name]
        p[:, feeder.node_index[prosumer.node]] += active
        q[:, feeder.node_index[prosumer.node]] += reactive
    flow, limits = settled_flow(feeder, p, q, build_inverters(site))[0], build_limits(site)
    over, hours = over_limit_va(site, feeder.network, flow, limits.max_loading_pct), site.isp_minutes / 60
    needed = needed_va(site, over, points_p_w(site, flow))
    return GridRecord(flow, violations(flow, limits), float(needed.sum()) * hours, float(over.sum()) * hours)


def over_limit_va(site: Site, network: Network, flow: FlowResult, limit_pct: float) -> Floats:
    """How far each congestion point's branch is above the loading limit, VA, shape (T, points).

    From the power flow's loading: of the branch's rated current at nominal voltage, or of the transformer's rating.
    """
    rated = rated_va(network)
    columns = [flow.branch_names.index(point.branch) for point in site.congestion_points]
    ratings = np.array([rated[point.branch] for point in site.congestion_points])
    over: Floats = np.maximum(flow.loading_pct[:, columns] - limit_pct, 0.0) / 100 * ratings
    return over


def points_p_w(site: Site, flow: FlowResult) -> Floats:
    """The active power through each congestion point's branch, W, shape (T, points); its sign is the direction."""
    return flow.branch_p_w[:, [flow.branch_names.index(point.branch) for point in site.congestion_points]]


def needed_va(site: Site, over_va: Floats, power_w: Floats) -> Floats:
    """[T] VA that have to be moved for no congestion point to be beyond its limit: each counts once.

    What relieves a point relieves those above it that carry power in the same direction, so a point and the points below
    it need the larger of its own excess and their sum. Points below that carry power the other way come on top.

    Args:
        over_va: how far each point is beyond its limit, shape (T, points), in the site's order.
        power_w: through each point, the same shape.
    """
    order = {point.id: k for k, point in enumerate(site.congestion_points)}

    def needed(point: str) -> Floats:
        k = order[point]
        same, opposite = np.zeros(len(over_va)), np.zeros(len(over_va))
        for child in site.congestion_points:
            if child.parent == point:
                need, along = needed(child.id), power_w[:, order[child.id]] * power_w[:, k] >= 0
                same += np.where(along, need, 0.0)
                opposite += np.where(along, 0.0, need)
        return np.maximum(over_va[:, k], same) + opposite

    roots = [needed(point.id) for point in site.congestion_points if point.parent not in order]
    return sum(roots, start=np.zeros(len(over_va)))
