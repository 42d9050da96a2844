"""Inverters that answer voltage with reactive power by themselves, Q(V), and the power flow that settles with them.

What they do is a fixed point: their reactive power moves the voltage that it follows. Active power never gives way; they give
reactive power at any active power, at none too (IEEE 1547-2018 does not ask that of a plant below 5 % of its rating).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from cim.codec.codec import wire
from cim.model.arrays import Floats
from cim.model.errors import BadInput
from environment.feeder.flow import Feeder, FlowFailed, FlowResult


@dataclass(frozen=True, slots=True)
class QvCurve:
    """Four points of a Q(V) characteristic, constant beyond them.

    Attributes:
        voltage_pu: per unit of nominal voltage, rising.
        share: reactive over rated apparent power there, + = taken (inductive), which lowers voltage.
    """

    voltage_pu: tuple[float, float, float, float]
    share: tuple[float, float, float, float]


CURVES: Mapping[str, QvCurve] = {
    # IEEE 1547-2018, table 8, defaults of category B with V_ref = 1.
    "ieee-1547-2018-b": QvCurve((0.92, 0.98, 1.02, 1.08), (-0.44, 0.0, 0.0, 0.44)),
    # VDE-AR-N 4105:2018-11, standard characteristic Q(U), at a displacement factor of 0.9.
    "vde-ar-n-4105": QvCurve((0.93, 0.97, 1.03, 1.07), (-0.436, 0.0, 0.0, 0.436)),
}

_STEP = 0.5  # of the way to where the curve points: settles up to a loop gain of 3, where a whole step does up to 1
_ROUNDS = 60
_SETTLED_PU = 1e-7


@wire("feeder.QvInverter")
@dataclass(frozen=True, slots=True)
class QvInverter:
    """An inverter at a node with a rated apparent power, the most reactive power it has, and a curve's name (`CURVES`)."""

    node: str
    rated_va: float
    most_var: float
    curve: str

    def reactive_var(self, voltage_pu: Floats) -> Floats:
        """What it takes at these voltages, vars, + = inductive consumption."""
        curve = CURVES[self.curve]
        wanted = np.interp(voltage_pu, curve.voltage_pu, curve.share) * self.rated_va
        return np.clip(wanted, -self.most_var, self.most_var)


def qv_inverter(node: str, rated_w: float, oversize: float, curve: str) -> QvInverter:
    """An inverter whose apparent power is `oversize` times its active power.

    Raises:
        BadInput: the curve is unknown, or the inverter smaller than its active power.
    """
    if curve not in CURVES:
        raise BadInput(f"curve: {curve!r} is unknown; expected one of {', '.join(CURVES)}")
    if oversize < 1:
        raise BadInput(f"oversize: {oversize:g}; expected at least 1")
    return QvInverter(node, oversize * rated_w, rated_w * math.sqrt(oversize**2 - 1), curve)


def settled_flow(
    feeder: Feeder, p_w: Floats, q_var: Floats, inverters: Sequence[QvInverter]
) -> tuple[FlowResult, Floats]:
    """(the power flow in which every inverter follows its curve, [T, inverters] vars of each).

    Args:
        p_w, q_var: as of `Feeder.flow`, without what the inverters do.

    Raises:
        FlowFailed: no such power flow was found.
    """
    p_w, q_var = np.atleast_2d(p_w), np.atleast_2d(q_var)
    result, given = feeder.flow(p_w, q_var), np.zeros((len(p_w), len(inverters)))
    if not inverters:
        return result, given
    for inverter in inverters:
        if inverter.node not in feeder.node_index:
            raise BadInput(f"inverter: {inverter.node!r} is no node; expected one of {', '.join(feeder.node_names)}")
    columns = [feeder.node_index[inverter.node] for inverter in inverters]
    for _ in range(_ROUNDS):
        voltage = result.voltage_pu
        wanted = np.stack([one.reactive_var(voltage[:, k]) for one, k in zip(inverters, columns, strict=True)], axis=1)
        given = given + _STEP * (wanted - given)
        injected = q_var.copy()
        for column, taken in zip(columns, given.T, strict=True):
            injected[:, column] += taken
        result = feeder.flow(p_w, injected)
        if np.abs(result.voltage_pu - voltage).max() < _SETTLED_PU:
            return result, given
    raise FlowFailed("power flow: the inverters' Q(V) does not settle; expected a stronger grid or a flatter curve")
