"""Groups of distributed energy resources: what they can, are expected to and are told to do (IEC 61968-5)."""

from __future__ import annotations

from enum import StrEnum

from pydantic import Field, model_validator

from cim.model.identified import CimValue, IdentifiedObject, Instant, Name


class DERParameterKind(StrEnum):
    """What of a group is forecast or dispatched."""

    ACTIVE_POWER = "activePower"
    REACTIVE_POWER = "reactivePower"
    APPARENT_POWER = "apparentPower"
    VOLTAGE = "voltage"
    ENERGY = "energy"


class DERUnitSymbol(StrEnum):
    """The unit of a parameter's values."""

    WATT = "W"
    WATT_HOUR = "Wh"
    VOLT_AMPERE = "VA"
    VAR = "VAr"
    VOLT = "V"


class UnitMultiplier(StrEnum):
    """The prefix of a unit."""

    NONE = "none"
    KILO = "k"
    MEGA = "M"


class FlowDirectionKind(StrEnum):
    """Which flow is positive: `forward` is towards consumption, `reverse` towards the grid; `net` counts both, + forward."""

    FORWARD = "forward"
    REVERSE = "reverse"
    NET = "net"


class TimeIntervalKind(StrEnum):
    """The unit of an interval's length."""

    SECONDS = "S"
    MINUTES = "M"
    HOURS = "h"
    DAYS = "D"


class CurveStyle(StrEnum):
    """Whether a value holds over its interval, or the next is reached in a straight line."""

    CONSTANT_Y_VALUE = "constantYValue"
    STRAIGHT_LINE_Y_VALUES = "straightLineYValues"


class DERFunction(CimValue):
    """What a group of DER can do for the grid: each a yes or no."""

    connect_disconnect: bool = False
    frequency_watt_curve_function: bool = False
    max_real_power_limiting: bool = False
    ramp_rate_control: bool = False
    real_power_dispatch: bool = False
    reactive_power_dispatch: bool = False
    volt_var_curve_function: bool = False
    volt_watt_curve_function: bool = False


class EndDeviceGroup(IdentifiedObject):
    """Devices that are addressed as one, such as a portfolio at a congestion point (a DER group), and what they can do."""

    type: str | None = None
    der_function: DERFunction | None = None


class DERMonitorableParameter(CimValue):
    """Which quantity of a group is meant, in which unit, and what its installation allows."""

    der_parameter: DERParameterKind
    flow_direction: FlowDirectionKind
    y_multiplier: UnitMultiplier
    y_unit: DERUnitSymbol
    y_unit_installed_max: float | None = None
    y_unit_installed_min: float | None = None


class DERCurveData(CimValue):
    """The values of one interval: the nominal one, or the range from `min_y_value` to `max_y_value`."""

    interval_number: int = Field(ge=1)
    time_stamp: Instant
    nominal_y_value: float | None = None
    min_y_value: float | None = None
    max_y_value: float | None = None

    @model_validator(mode="after")
    def _says_something(self) -> DERCurveData:
        if self.nominal_y_value is None and (self.min_y_value is None or self.max_y_value is None):
            raise ValueError("expected nominal_y_value, or min_y_value and max_y_value")
        return self


class DispatchSchedule(CimValue):
    """Values of one parameter over intervals of one length from `start_time` on; `names` carry what else belongs to it."""

    start_time: Instant
    time_interval_duration: int = Field(ge=1)
    time_interval_unit: TimeIntervalKind
    number_of_intervals: int = Field(ge=1)
    curve_style_kind: CurveStyle
    der_monitorable_parameter: DERMonitorableParameter
    curve_data: tuple[DERCurveData, ...]
    confidence: float | None = Field(default=None, ge=0, le=100)
    names: tuple[Name, ...] = ()


class _OfGroup(IdentifiedObject):
    end_device_group: EndDeviceGroup
    dispatch_schedules: tuple[DispatchSchedule, ...] = Field(min_length=1)
    created: Instant
    names: tuple[Name, ...] = ()


class DERGroupForecast(_OfGroup):
    """What a group is expected to do."""


class DERGroupDispatch(_OfGroup):
    """What a group is asked, offers or is told to do."""


DER: tuple[type[CimValue], ...] = (
    DERGroupDispatch,
    DERGroupForecast,
    DispatchSchedule,
    DERCurveData,
    DERMonitorableParameter,
    DERFunction,
    EndDeviceGroup,
)
