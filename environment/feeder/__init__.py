"""The network's power flow as plain values and functions: nodes, lines, transformers in; voltages and loadings out.

The only part of `environment` that agents may import; no site, profile or device lives here.
"""

from environment.feeder.elements import Line, Network, Node, Transformer, rated_va
from environment.feeder.flow import Feeder, FlowResult
from environment.feeder.limits import Limits, Violation, violations
from environment.feeder.volt_var import CURVES, QvInverter, qv_inverter, settled_flow

__all__ = [
    "CURVES",
    "Feeder",
    "FlowResult",
    "Limits",
    "Line",
    "Network",
    "Node",
    "QvInverter",
    "Transformer",
    "Violation",
    "qv_inverter",
    "rated_va",
    "settled_flow",
    "violations",
]
