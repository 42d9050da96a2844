"""SunSpec points -> CIM readings, as one table: which point is which `Kind`, with which sign and factor.

SunSpec counts an inverter's or DER's active power positive when it *gives* (103 `W`, 701 `W`, 704 `WSet`); ILES counts
it negative. The meters of ILES's sites are installed so that 203 `W` is positive when power is *taken* from the grid.
"""

from __future__ import annotations

from dataclasses import dataclass

from cim.model.readings import Kind

SETPOINT_SIGN = -1  # 704 WSet = SETPOINT_SIGN * power_w
"""704 `WSet` is positive for generation."""


@dataclass(frozen=True, slots=True)
class PointMapping:
    """One row: reading of `kind` = `factor` * the value of `point` (in the model file's unit) [* the value of `times`].

    Attributes:
        model, point: SunSpec model ID and point name.
        kind: what the reading measures; fixes unit and sign.
        factor: from the point's unit and sign to those of `kind`.
        times: another (model, point) to multiply by, or None; stored energy is a share of a rating.
        optional: no reading at all, instead of an INVALID one, where the device does not implement the point.
    """

    model: int
    point: str
    kind: Kind
    factor: float = 1.0
    times: tuple[int, str] | None = None
    optional: bool = False


_INVERTERS = (101, 102, 103, 111, 112, 113)  # one, split, three phases; as whole numbers and as floats: the same points
_METERS = (201, 202, 203, 204, 211, 212, 213, 214)

SUNSPEC_TO_CIM: tuple[PointMapping, ...] = (
    *(PointMapping(model, "W", Kind.POWER, -1.0) for model in _INVERTERS),
    *(PointMapping(model, "WH", Kind.ENERGY_EXPORT) for model in _INVERTERS),
    PointMapping(122, "WAval", Kind.AVAILABLE_POWER, -1.0, optional=True),
    PointMapping(124, "ChaState", Kind.STATE_OF_CHARGE),
    PointMapping(124, "ChaState", Kind.STORED_ENERGY, 0.01, times=(120, "WHRtg"), optional=True),
    *(PointMapping(model, "W", Kind.POWER) for model in _METERS),
    *(PointMapping(model, "VAR", Kind.REACTIVE_POWER, optional=True) for model in _METERS),
    *(PointMapping(model, "TotWhImp", Kind.ENERGY_IMPORT) for model in _METERS),
    *(PointMapping(model, "TotWhExp", Kind.ENERGY_EXPORT) for model in _METERS),
    *(PointMapping(model, "PhV", Kind.VOLTAGE, optional=True) for model in _METERS),
    PointMapping(701, "W", Kind.POWER, -1.0),
    PointMapping(701, "TotWhAbs", Kind.ENERGY_IMPORT),
    PointMapping(701, "TotWhInj", Kind.ENERGY_EXPORT),
    PointMapping(713, "SoC", Kind.STATE_OF_CHARGE),
    PointMapping(713, "SoC", Kind.STORED_ENERGY, 0.01, times=(713, "WHRtg")),
)


def rows_of(models: tuple[int, ...]) -> tuple[PointMapping, ...]:
    """The rows whose point stands in one of `models`, in the order of the table."""
    return tuple(row for row in SUNSPEC_TO_CIM if row.model in models)
