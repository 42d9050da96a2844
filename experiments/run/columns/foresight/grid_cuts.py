"""The grid's limits as cuts: where a power flow is near or above a limit, its first derivatives there.

Loading grows with the magnitude of apparent power, which is convex: what a cut keeps out would have been too much.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from cim.model.arrays import Floats, Ints
from environment.feeder import Feeder, FlowResult
from environment.sites.network import build_limits, build_network
from environment.sites.schema import Site

_STEP_W = 1000.0  # by how much each node is moved to find the derivatives
_NEAR_PCT = 3.0  # a loading this close to its limit is cut too, so that fewer rounds are needed


@dataclass(frozen=True)
class Cut:
    """What a loading or voltage allows in one ISP: sum over nodes of `per_w` * P + `per_var` * Q is at most `room`.

    Attributes:
        isp: index from 0.
        per_w, per_var: by node, percent (of a rating, or of nominal voltage) for each watt or var.
        room: percent.
    """

    isp: int
    per_w: dict[str, float]
    per_var: dict[str, float]
    room: float


class GridLimits:
    """A site's grid, its limits, and the cuts that keep a program below them."""

    def __init__(self, site: Site) -> None:
        self._feeder, self._limits = Feeder(build_network(site)), build_limits(site)
        self._node_of = {prosumer.name: prosumer.node for prosumer in site.prosumers}
        self._nodes = sorted(set(self._node_of.values()))
        self._places = np.array([self._feeder.node_index[node] for node in self._nodes])

    def excess(self, p_w: dict[str, Floats], q_var: dict[str, Floats]) -> Floats:
        """[T, limits] percent above each limit (negative below) of prosumers' powers, [T] each."""
        return self._above(self._feeder.flow(self._at_nodes(p_w), self._at_nodes(q_var)))

    def cuts(self, p_w: dict[str, Floats], q_var: dict[str, Floats], tighter: Floats) -> list[Cut]:
        """One cut for each (ISP, limit) that these powers come near to.

        Args:
            p_w, q_var: prosumer -> [T].
            tighter: [T, limits] percent by which to stay below each limit.
        """
        p, q = self._at_nodes(p_w), self._at_nodes(q_var)
        near = self._above(self._feeder.flow(p, q)) + tighter > -_NEAR_PCT
        found: list[Cut] = []
        for isp in np.flatnonzero(near.any(axis=1)).tolist():
            base, per_w, per_var = self._derivatives(p[isp], q[isp])
            for limit in np.flatnonzero(near[isp]).tolist():
                there = per_w[:, limit] @ p[isp, self._places] + per_var[:, limit] @ q[isp, self._places]
                found.append(
                    Cut(
                        isp,
                        dict(zip(self._nodes, per_w[:, limit].tolist(), strict=True)),
                        dict(zip(self._nodes, per_var[:, limit].tolist(), strict=True)),
                        float(there - base[limit] - tighter[isp, limit]),
                    )
                )
        return found

    def _derivatives(self, p: Floats, q: Floats) -> tuple[Floats, Floats, Floats]:
        """At one instant: [limits] percent above each, and its change for each watt and var, [nodes, limits]."""
        count = len(self._places)
        moved_p, moved_q = np.tile(p, (2 * count + 1, 1)), np.tile(q, (2 * count + 1, 1))
        rows: Ints = np.arange(count)
        moved_p[1 + rows, self._places] += _STEP_W
        moved_q[1 + count + rows, self._places] += _STEP_W
        above = self._above(self._feeder.flow(moved_p, moved_q))
        change = (above[1:] - above[0]) / _STEP_W
        return above[0], change[:count], change[count:]

    def _above(self, result: FlowResult) -> Floats:
        limits = self._limits
        return np.concatenate(
            [
                result.loading_pct - limits.max_loading_pct,
                100 * (result.voltage_pu - limits.max_voltage_pu),
                100 * (limits.min_voltage_pu - result.voltage_pu),
            ],
            axis=1,
        )

    def _at_nodes(self, powers: dict[str, Floats]) -> Floats:
        """Prosumers' [T] as nodes' [T, nodes]."""
        rows = np.zeros((len(next(iter(powers.values()))), len(self._feeder.node_names)))
        for name, power in powers.items():
            rows[:, self._feeder.node_index[self._node_of[name]]] += power
        return rows
