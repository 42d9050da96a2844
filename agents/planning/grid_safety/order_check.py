"""The last look before an order: what is chosen by sums of watts is put into a power flow, and must break nothing.

A job (see `agents.planning.jobs`): it runs power flows, so it is never called inside a role.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from cim.model.arrays import Floats
from environment.feeder import Feeder, FlowResult, Limits, Network, QvInverter, settled_flow

# An order may add so much where a limit is broken already: less is no harm of its own.
_LOADING_PCT, _VOLTAGE_PU = 0.5, 5e-4


def check_orders(
    network: Network,
    limits: Limits,
    nodes: tuple[str, ...],
    p_w: tuple[Floats, ...],
    q_var: tuple[Floats, ...],
    orders: tuple[tuple[Floats, ...], ...],
    inverters: Sequence[QvInverter] = (),
) -> tuple[str, ...]:
    """Why each order must not be placed, in words; empty where it may. Each is tried on top of those before it that may.

    Args:
        nodes: the order of the rows.
        p_w, q_var: [T] what is expected of each node without the orders, watts and vars.
        orders: of each order, [T] watts that it changes at each node.

    Raises:
        FlowFailed: the grid cannot carry what is expected.
    """
    feeder = Feeder(network)
    columns = [feeder.node_index[name] for name in nodes]
    power, reactive = np.zeros((2, len(p_w[0]), len(feeder.node_names)))
    power[:, columns], reactive[:, columns] = np.stack(p_w, axis=1), np.stack(q_var, axis=1)
    before, found = settled_flow(feeder, power, reactive, inverters)[0], []
    for order in orders:
        tried = power.copy()
        tried[:, columns] += np.stack(order, axis=1)
        after = settled_flow(feeder, tried, reactive, inverters)[0]
        fault = _broken(before, after, limits)
        if not fault:
            power, before = tried, after
        found.append(fault)
    return tuple(found)


def _broken(before: FlowResult, after: FlowResult, limits: Limits) -> str:
    """The first limit that is broken after and was not before, or is broken further; empty: none."""
    for names, old, new, limit, slack, unit in (
        (after.branch_names, before.loading_pct, after.loading_pct, limits.max_loading_pct, _LOADING_PCT, "%"),
        (after.node_names, before.voltage_pu, after.voltage_pu, limits.max_voltage_pu, _VOLTAGE_PU, "pu"),
        (after.node_names, -before.voltage_pu, -after.voltage_pu, -limits.min_voltage_pu, _VOLTAGE_PU, "pu"),
    ):
        rows, places = np.nonzero((new > limit) & (new > np.maximum(old, limit) + slack))
        if len(rows):
            row, place = int(rows[0]), int(places[0])
            return (
                f"a power flow with it has {names[place]} at {abs(float(new[row, place])):.4g} {unit} in ISP {row + 1}, "
                f"beyond {abs(limit):.4g} {unit}"
            )
    return ""
