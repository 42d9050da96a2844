"""A second power flow, written without a look at the first: nodal admittances and repeated current injection.

V = Y^-1 (I(V) - Y_slack V_slack) until it rests (the implicit Z-bus method). Slow, small, and good for any feeder whose loads
are far from the point of collapse.
"""

from __future__ import annotations

import cmath
import math
from dataclasses import dataclass

import numpy as np

from cim.model.arrays import Floats
from environment.feeder import Line, Network, Transformer

_FREQUENCY_HZ = 50.0
_ROUNDS = 200


@dataclass(frozen=True)
class Answer:
    """One instant: |V| of each node per unit, loading of each branch in percent, losses and the power from above in watts."""

    voltage_pu: Floats
    loading_pct: Floats
    losses_w: float
    slack_p_w: float


@dataclass(frozen=True)
class _Branch:
    """A two-port [[y11, y12], [y21, y22]] in siemens between two nodes, phase to phase volts."""

    ends: tuple[int, int]
    y: tuple[complex, complex, complex, complex]
    rated: float
    by_current: bool

    def powers(self, voltage_v: np.ndarray) -> tuple[complex, complex]:
        """What flows in at either end, VA."""
        one, two = voltage_v[self.ends[0]], voltage_v[self.ends[1]]
        y11, y12, y21, y22 = self.y
        return one * (y11 * one + y12 * two).conjugate(), two * (y21 * one + y22 * two).conjugate()

    def loading_pct(self, voltage_v: np.ndarray) -> float:
        """Current over rating for a line, apparent power over rating for a transformer; the end that carries more."""
        worst = max(
            abs(power) / (math.sqrt(3) * abs(voltage_v[end]) if self.by_current else 1.0)
            for power, end in zip(self.powers(voltage_v), self.ends, strict=True)
        )
        return 100 * worst / self.rated


def _line(item: Line, index: dict[str, int]) -> _Branch:
    series = 1 / complex(item.r_ohm, item.x_ohm)
    shunt = 1j * 2 * math.pi * _FREQUENCY_HZ * item.c_nf * 1e-9 / 2
    ends = index[item.from_node], index[item.to_node]
    return _Branch(ends, (series + shunt, -series, -series, series + shunt), item.rated_a, True)


def _transformer(item: Transformer, index: dict[str, int]) -> _Branch:
    base_ohm = item.lv_v**2 / item.rated_va
    z_ohm = item.uk_pct / 100 * base_ohm
    r_ohm = item.copper_loss_w / item.rated_va * base_ohm
    series = 1 / complex(r_ohm, math.sqrt(z_ohm**2 - r_ohm**2))
    y_s, g_s = item.i0_pct / 100 / base_ohm, item.iron_loss_w / item.lv_v**2
    shunt = complex(g_s, -math.sqrt(max(y_s**2 - g_s**2, 0.0))) / 2
    ratio = item.hv_v * (1 + item.tap_position * item.tap_step_pct / 100) / item.lv_v
    n = cmath.rect(ratio, math.radians(30 * item.clock))
    inner = series + shunt
    ends = index[item.hv_node], index[item.lv_node]
    return _Branch(ends, (inner / abs(n) ** 2, -series / n.conjugate(), -series / n, inner), item.rated_va, False)


def solve(network: Network, p_w: Floats, q_var: Floats) -> Answer:
    """The power flow of one instant; `p_w` and `q_var` by node, + = consumption."""
    index = {name: number for number, name in enumerate(network.node_names)}
    branches = [_line(item, index) for item in network.lines]
    branches += [_transformer(item, index) for item in network.transformers]
    count, slack = len(index), index[network.slack_node]
    y_bus = np.zeros((count, count), dtype=complex)
    for branch in branches:
        one, two = branch.ends
        for (row, column), value in zip(((one, one), (one, two), (two, one), (two, two)), branch.y, strict=True):
            y_bus[row, column] += value
    inner = [number for number in range(count) if number != slack]
    held_v = network.slack_voltage_pu * network.nodes[slack].nominal_v
    z_bus = np.linalg.inv(y_bus[np.ix_(inner, inner)])
    at_rest = -z_bus @ y_bus[inner, slack] * held_v
    power = (np.asarray(p_w) + 1j * np.asarray(q_var))[inner]
    voltage = at_rest
    for _ in range(_ROUNDS):
        last, voltage = voltage, at_rest - z_bus @ (power / voltage).conjugate()
        if np.max(np.abs(voltage - last)) < 1e-10 * held_v:
            break
    else:
        raise AssertionError("the second power flow came to no rest")
    all_v = np.empty(count, dtype=complex)
    all_v[slack], all_v[inner] = held_v, voltage
    nominal = np.array([node.nominal_v for node in network.nodes])
    into = sum(sum(branch.powers(all_v)) for branch in branches)
    slack_w = (all_v[slack] * np.conj(y_bus[slack] @ all_v)).real + float(np.asarray(p_w)[slack])
    loading = np.array([branch.loading_pct(all_v) for branch in branches])
    return Answer(np.abs(all_v) / nominal, loading, float(np.real(into)), float(slack_w))
