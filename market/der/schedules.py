"""Powers by ISP as a DispatchSchedule and back: intervals are the day's ISPs, numbered as the market numbers them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from cim.model.der import (
    CurveStyle,
    DERCurveData,
    DERMonitorableParameter,
    DERParameterKind,
    DERUnitSymbol,
    DispatchSchedule,
    FlowDirectionKind,
    TimeIntervalKind,
    UnitMultiplier,
)
from cim.model.errors import BadInput
from cim.model.identified import Name
from cim.model.intervals import LocalDay

# Net active power in watts, + = consumption: the one sign rule of ILES and of UFTP.
NET_WATTS = DERMonitorableParameter(
    der_parameter=DERParameterKind.ACTIVE_POWER,
    flow_direction=FlowDirectionKind.NET,
    y_multiplier=UnitMultiplier.NONE,
    y_unit=DERUnitSymbol.WATT,
)


def schedule(day: LocalDay, data: Iterable[DERCurveData], names: Sequence[Name] = ()) -> DispatchSchedule:
    """The schedule of a local day's ISPs; `data` need not be there for each."""
    return DispatchSchedule(
        start_time=day.start,
        time_interval_duration=day.isp_minutes,
        time_interval_unit=TimeIntervalKind.MINUTES,
        number_of_intervals=day.count,
        curve_style_kind=CurveStyle.CONSTANT_Y_VALUE,
        der_monitorable_parameter=NET_WATTS,
        curve_data=tuple(sorted(data, key=lambda row: row.interval_number)),
        names=tuple(names),
    )


def nominal(day: LocalDay, isp: int, power_w: int) -> DERCurveData:
    """One ISP's power."""
    return DERCurveData(interval_number=isp, time_stamp=day.isp_start(isp), nominal_y_value=power_w)


def ranged(day: LocalDay, isp: int, min_power_w: int, max_power_w: int) -> DERCurveData:
    """One ISP's range of power."""
    return DERCurveData(
        interval_number=isp, time_stamp=day.isp_start(isp), min_y_value=min_power_w, max_y_value=max_power_w
    )


def checked(plan: DispatchSchedule, day: LocalDay) -> DispatchSchedule:
    """`plan` if it is net watts over the ISPs of `day`, each interval at its time and once.

    Raises:
        BadInput: it is not.
    """
    if (
        plan.der_monitorable_parameter.model_copy(update={"y_unit_installed_max": None, "y_unit_installed_min": None})
        != NET_WATTS
    ):
        raise BadInput("DispatchSchedule: expected net active power in W")
    if (plan.time_interval_duration, plan.time_interval_unit) != (day.isp_minutes, TimeIntervalKind.MINUTES):
        raise BadInput(f"DispatchSchedule: expected intervals of {day.isp_minutes} minutes")
    numbers = [row.interval_number for row in plan.curve_data]
    if len(set(numbers)) != len(numbers):
        raise BadInput("DispatchSchedule: an intervalNumber stands twice; expected each once")
    for row in plan.curve_data:
        if row.interval_number > day.count or row.time_stamp != day.isp_start(row.interval_number):
            raise BadInput(
                f"DispatchSchedule: interval {row.interval_number} at {row.time_stamp.isoformat()} is no ISP of {day.day} "
                f"in {day.timezone}"
            )
    return plan


def watts(value: float | None) -> int:
    """A value as the market's whole watts.

    Raises:
        BadInput: there is none, or it is not whole.
    """
    if value is None or value != int(value):
        raise BadInput(f"DERCurveData: value {value}: expected whole watts")
    return int(value)
