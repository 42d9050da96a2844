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
        return self._calculate(p_w, q_var)

    def _calculate(self, p_w: Floats, q_var: Floats) -> FlowResult:
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
        return FlowResult(
            voltage_pu=voltage,
            loading_pct=np.asarray(joined["loading"], dtype=np.float64) * 100.0,
            node_names=self.node_names,
            branch_names=self.branch_names,
            losses_w=np.asarray((joined["p_from"] + joined["p_to"]).sum(axis=1), dtype=np.float64),
            slack_p_w=np.asarray(output[ComponentType.source]["p"][:, 0], dtype=np.float64),
            branch_p_w=np.asarray(joined["p_from"], dtype=np.float64),
        )
