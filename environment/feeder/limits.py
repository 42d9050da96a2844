"""Which limits a power flow breaks: the DSO's safety analysis as one pure function."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from cim.codec.codec import wire
from environment.feeder.flow import FlowResult


@wire("feeder.ViolationKind")
class ViolationKind(StrEnum):
    """Which limit is broken."""

    OVERVOLTAGE = "overvoltage"
    UNDERVOLTAGE = "undervoltage"
    OVERLOAD = "overload"


@wire("feeder.Limits")
@dataclass(frozen=True, slots=True)
class Limits:
    """The band every node and branch must stay in: per unit (EN 50160: 0.90 to 1.10) and percent of rating."""

    min_voltage_pu: float = 0.90
    max_voltage_pu: float = 1.10
    max_loading_pct: float = 100.0


@wire("feeder.Violation")
@dataclass(frozen=True, slots=True)
class Violation:
    """One element outside its limit in one period.

    Attributes:
        element: the node's or branch's name.
        isp_index: the row of the power flow, from 0.
        value, limit: per unit for a node, percent of rating for a branch.
        kind: which limit.
    """

    element: str
    isp_index: int
    value: float
    limit: float
    kind: ViolationKind


def violations(result: FlowResult, limits: Limits) -> tuple[Violation, ...]:
    """Every limit `result` breaks, ordered by period, then kind (overload first), then place in the feeder."""
    found: list[Violation] = []
    checks = (
        (ViolationKind.OVERLOAD, result.loading_pct, limits.max_loading_pct, 1.0, result.branch_names),
        (ViolationKind.OVERVOLTAGE, result.voltage_pu, limits.max_voltage_pu, 1.0, result.node_names),
        (ViolationKind.UNDERVOLTAGE, result.voltage_pu, limits.min_voltage_pu, -1.0, result.node_names),
    )
    for kind, values, limit, sign, names in checks:
        rows, columns = np.nonzero(sign * (values - limit) > 0)
        found += [
            Violation(names[column], int(row), float(values[row, column]), limit, kind)
            for row, column in zip(rows, columns, strict=True)
        ]
    found.sort(key=lambda violation: violation.isp_index)  # stable: keeps kind and place within a period
    return tuple(found)
