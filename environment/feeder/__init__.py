"""The network's power flow as plain values and functions: nodes, lines, transformers in; voltages and loadings out.

The only part of `environment` that agents may import; no site, profile or device lives here.
"""

from environment.feeder.elements import Line, Network, Node, Transformer, rated_va
from environment.feeder.flow import Feeder, FlowResult
from environment.feeder.limits import Limits, Violation, violations

__all__ = [
    "Feeder",
    "FlowResult",
    "Limits",
    "Line",
    "Network",
    "Node",
    "Transformer",
    "Violation",
    "rated_va",
    "violations",
]
