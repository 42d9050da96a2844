"""AC power flow of a feeder for many instants at once, by power-grid-model's batch calculation."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from cim.model.arrays import Floats
from cim.model.errors import BadInput, IlesError
from environment.feeder.elements import Network
from environment.feeder.model_input import LOAD_ID, model_input

if TYPE_CHECKING:
    from power_grid_model import PowerGridModel


_LOOKED_UP = 200  # instants: more are no day that is watched, but a year or many cases, of which each is asked for once
_KEPT = 1_000  # instants whose power flow is kept


class FlowFailed(IlesError):
    """The power flow has no solution for the injections it was given."""


@dataclass(frozen=True)
class FlowResult:
    """What a power flow found, for T instants.

    Attributes:
        voltage_pu: shape (T, nodes), per unit of each node's nominal voltage.
        loading_pct: shape (T, branches), percent of the branch's rating (current of lines, power of transformers).
        node_names, branch_names: the names along the second axes.
        losses_w: shape (T,), what lines and transformers turn into heat.
        slack_p_w: shape (T,), what the feeder takes from the grid above (+ = consumption).
        branch_p_w: shape (T, branches), power that flows in at each branch's from or high-voltage end.
    """

    voltage_pu: Floats
    loading_pct: Floats
    node_names: tuple[str, ...]
    branch_names: tuple[str, ...]
    losses_w: Floats
    slack_p_w: Floats
    branch_p_w: Floats


class Feeder:
    """A network ready for power flows.

    Args:
        network: plain values; see `environment.feeder.elements.Network`.
    """

    def __init__(self, network: Network) -> None:
        self.network = network
        self.node_names = network.node_names
        self.branch_names = network.branch_names
        self.node_index = {name: index for index, name in enumerate(self.node_names)}
        self._known: dict[bytes, Floats] = {}  # `_solved` by what each node draws at an instant, the oldest first

    @cached_property
    def _model(self) -> PowerGridModel:
        from power_grid_model import PowerGridModel

        return PowerGridModel(model_input(self.network, self.node_index))

    def flow(self, p_w: Floats, q_var: Floats | None = None) -> FlowResult:
        """Power flow for T instants.

        Args:
            p_w: shape (T, N), net active power of each node in the order of `node_names` (+ = consumption).
            q_var: shape (T, N), net reactive power (+ = inductive consumption); zero if left out.

        Raises:
            BadInput: a wrong shape, or a value that is not finite.
            FlowFailed: no solution (injections beyond what the network can carry).
        """
        p_w = np.atleast_2d(np.asarray(p_w, dtype=np.float64))
        q_var = np.zeros_like(p_w) if q_var is None else np.atleast_2d(np.asarray(q_var, dtype=np.float64))
        count = len(self.node_names)
        for name, values in (("p_w", p_w), ("q_var", q_var)):
            if values.ndim != 2 or values.shape != (p_w.shape[0], count):
                raise BadInput(f"{name}: shape {values.shape} does not fit; expected ({p_w.shape[0]}, {count})")
            if not np.isfinite(values).all():
                raise BadInput(f"{name}: holds a value that is not finite; expected watts or vars")
        if p_w.shape[0] == 0:
            raise BadInput("p_w: holds no instant; expected at least one row")
        return self._result(self._solved(p_w, q_var) if len(p_w) > _LOOKED_UP else self._looked_up(p_w, q_var))

    def _looked_up(self, p_w: Floats, q_var: Floats) -> Floats:
        """`_solved`, each instant once: who watches a day asks for it again and again, most of it unchanged."""
        known, keys = self._known, [p.tobytes() + q.tobytes() for p, q in zip(p_w, q_var, strict=True)]
        new = {key: row for row, key in enumerate(keys) if key not in known}
        if new:
            rows = list(new.values())
            try:
                found = self._solved(p_w[rows], q_var[rows])
            except FlowFailed:
                return self._solved(p_w, q_var)  # which fails, too, and names the instant by its place here
            known.update(zip(new, found, strict=True))
        answer: Floats = np.stack([known[key] for key in keys])
        for key in tuple(known)[: max(len(known) - _KEPT, 0)]:
            del known[key]
        return answer

    def _result(self, rows: Floats) -> FlowResult:
        nodes, branches = len(self.node_names), len(self.branch_names)
        voltage, loading, branch_p_w, rest = np.split(rows, np.cumsum([nodes, branches, branches]), axis=1)
        return FlowResult(
            voltage_pu=voltage,
            loading_pct=loading,
            node_names=self.node_names,
            branch_names=self.branch_names,
            losses_w=rest[:, 0],
            slack_p_w=rest[:, 1],
            branch_p_w=branch_p_w,
        )

    def _solved(self, p_w: Floats, q_var: Floats) -> Floats:
        """[T] each: voltages, loadings, branches' powers, then losses and what the source gives; see `FlowResult`."""
        from power_grid_model import CalculationMethod, ComponentType, DatasetType, initialize_array
        from power_grid_model.errors import PowerGridBatchError, PowerGridError

        steps, count = p_w.shape
        update = initialize_array(DatasetType.update, ComponentType.sym_load, (steps, count))
        update["id"] = LOAD_ID + np.arange(count)
        update["p_specified"] = p_w
        update["q_specified"] = q_var
        try:
            output = self._model.calculate_power_flow(
                update_data={ComponentType.sym_load: update},
                calculation_method=CalculationMethod.newton_raphson,
                output_component_types=[
                    ComponentType.node,
                    ComponentType.line,
                    ComponentType.transformer,
                    ComponentType.source,
                ],
            )
        except PowerGridBatchError as error:
            failed = [int(step) for step in error.failed_scenarios]
            raise FlowFailed(
                f"power flow: instant {failed[0]} ({len(failed)} of {steps}) has no solution at a net power of "
                f"{p_w[failed[0]].sum():.0f} W; expected injections the network can carry"
            ) from error
        except PowerGridError as error:
            raise FlowFailed(f"power flow: the network cannot be calculated ({str(error).splitlines()[0]})") from error
        branches = [output[kind] for kind in (ComponentType.line, ComponentType.transformer) if kind in output]
        joined = {
            field: np.concatenate([branch[field] for branch in branches], axis=1) if branches else np.zeros((steps, 0))
            for field in ("loading", "p_from", "p_to")
        }
        voltage = np.asarray(output[ComponentType.node]["u_pu"], dtype=np.float64)
        if not np.isfinite(voltage).all() or not output[ComponentType.node]["energized"].all():
            raise FlowFailed("power flow: a node has no voltage; expected every node to be connected to the source")
        ends = (joined["p_from"] + joined["p_to"]).sum(axis=1), output[ComponentType.source]["p"][:, 0]
        found: Floats = np.concatenate(
            [voltage, joined["loading"] * 100.0, joined["p_from"], np.stack(ends, axis=1)], axis=1, dtype=np.float64
        )
        return found
