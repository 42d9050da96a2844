"""The SunSpec devices that a unit can be shown as: which models, what stands in them, and which functions it takes.

What SunSpec calls mandatory but no unit here knows (temperatures, events) reads as "not implemented" or 0.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from devices.simulators.sunspec.control_functions import Function, limit_123, limit_704, set_704, storage_124
from devices.simulators.sunspec.image import RegisterImage
from devices.simulators.sunspec.physics_port import (
    BatteryUnit,
    LimitedUnit,
    Metered,
    MeteredReactive,
    SteeredUnit,
)
from devices.sunspec.codec import Rounding

Fill = Callable[[RegisterImage], None]
_NOMINAL_V, _NOMINAL_HZ = 230, 50


@dataclass(frozen=True, slots=True)
class DeviceModel:
    """How a unit is shown as a SunSpec device.

    Attributes:
        models: the models after model 1, in order.
        setup: fills in what never changes.
        refresh: fills in what the physics changed.
        function: what a client can control; None for a meter.
    """

    models: tuple[int, ...]
    setup: Fill
    refresh: Fill
    function: Function | None


def pv_123(unit: LimitedUnit) -> DeviceModel:
    """PV by the older models 103, 120, 121, 122, 123."""

    def setup(image: RegisterImage) -> None:
        _rating(image, 120, "WRtg_SF", WRtg=unit.rated_w)
        _rating(image, 121, "WMax_SF", WMax=unit.rated_w)
        _inverter_setup(image, 4)
        image.set(123, {"Conn": 1, "WMaxLimPct": 10000, "WMaxLimPct_SF": -2, "WMaxLimPct_RvrtTms": 0})
        image.set(123, {"WMaxLim_Ena": 0})

    def refresh(image: RegisterImage) -> None:
        _inverter(image, unit.power_w, unit.export_wh, throttled=unit.limit_w is not None)
        _available(image, unit)

    return DeviceModel((103, 120, 121, 122, 123), setup, refresh, limit_123(unit))


def generator_704(unit: LimitedUnit) -> DeviceModel:
    """A PV plant or a wind turbine by the IEEE 1547 models 701-704, and 122 for what is available."""

    def setup(image: RegisterImage) -> None:
        _rating(image, 702, "W_SF", WMaxRtg=unit.rated_w, WMax=unit.rated_w)
        image.set(702, {"CtrlModes": 0b01})
        _der_setup(image)
        image.set(704, {"WMaxLimPctEna": 0, "WMaxLimPct": 10000, "WMaxLimPct_SF": -2})
        image.set(704, {"WMaxLimPctEnaRvrt": 0, "WMaxLimPctRvrtTms": 0, "WMaxLimPctRvrtRem": 0})

    def refresh(image: RegisterImage) -> None:
        _der(image, unit)
        _available(image, unit)

    return DeviceModel((122, 701, 702, 703, 704), setup, refresh, limit_704(unit))


def battery_124(unit: BatteryUnit) -> DeviceModel:
    """A home battery by 103, 120, 121, 124. Both rates of 124 are percent of `WChaMax`.

    It has model 701 as well, because 103 counts only what is given: 701 has a counter for each way.
    """

    def setup(image: RegisterImage) -> None:
        _inverter_setup(image, 82)
        _measurement_setup(image)
        _rating(image, 120, "WRtg_SF", WRtg=unit.rated_w)
        _rating(image, 120, "WHRtg_SF", WHRtg=unit.capacity_wh)
        _rating(image, 120, "MaxChaRte_SF", MaxChaRte=unit.rated_w)
        _rating(image, 120, "MaxDisChaRte_SF", MaxDisChaRte=unit.rated_w)
        _rating(image, 121, "WMax_SF", WMax=unit.rated_w)
        _rating(image, 124, "WChaMax_SF", WChaMax=unit.rated_w)
        image.set(124, {"StorCtl_Mod": 0, "OutWRte": 10000, "InWRte": 10000, "InOutWRte_SF": -2})
        image.set(124, {"InOutWRte_RvrtTms": 0, "ChaState_SF": -2, "ChaGriSet": 1})

    def refresh(image: RegisterImage) -> None:
        _inverter(image, unit.power_w, unit.export_wh, throttled=False)
        _der(image, unit)
        share = _stored_share(unit)
        state = 4 if unit.power_w > 0 else 3 if unit.power_w < 0 else 2 if share <= 0 else 5 if share >= 1 else 6
        image.set(124, {"ChaState": round(share * 10000), "ChaSt": state})

    return DeviceModel((103, 120, 121, 124, 701), setup, refresh, storage_124(unit))


def battery_704(unit: BatteryUnit) -> DeviceModel:
    """A larger battery by 701-704 and 713."""

    def setup(image: RegisterImage) -> None:
        ratings = ("WMaxRtg", "WMax", "WChaRteMaxRtg", "WChaRteMax", "WDisChaRteMaxRtg", "WDisChaRteMax")
        _rating(image, 702, "W_SF", **dict.fromkeys(ratings, unit.rated_w))
        image.set(702, {"CtrlModes": 0b10})
        _der_setup(image)
        image.set(713, {"Sta": 0, "Pct_SF": -2})
        _set_704(image)

    def refresh(image: RegisterImage) -> None:
        _der(image, unit)
        image.set_scaled(713, "WH_SF", {"WHRtg": unit.capacity_wh, "WHAvail": unit.stored_wh}, -1, Rounding.NEAREST)
        image.set(713, {"SoC": round(_stored_share(unit) * 10000)})

    return DeviceModel((701, 702, 703, 704, 713), setup, refresh, set_704(unit))


def chp_704(unit: SteeredUnit) -> DeviceModel:
    """A combined heat and power plant by 701-704."""

    def setup(image: RegisterImage) -> None:
        _rating(image, 702, "W_SF", WMaxRtg=unit.rated_w, WMax=unit.rated_w)
        image.set(702, {"CtrlModes": 0b10})
        _der_setup(image)
        _set_704(image)

    def refresh(image: RegisterImage) -> None:
        _der(image, unit)

    return DeviceModel((701, 702, 703, 704), setup, refresh, set_704(unit))


def meter_203(unit: MeteredReactive, voltage_v: Callable[[], float] | None = None) -> DeviceModel:
    """A three-phase meter, 203 `W` positive when power is taken from the grid, `VAR` when what is taken is inductive.

    `voltage_v` gives the line-to-neutral voltage now, in volts; without it the meter does not implement `PhV`.
    """

    def setup(image: RegisterImage) -> None:
        image.set(203, {"Hz": _NOMINAL_HZ * 100, "Hz_SF": -2, "Evt": 0})

    def refresh(image: RegisterImage) -> None:
        image.set_scaled(203, "W_SF", {"W": unit.power_w}, -1, Rounding.NEAREST)
        image.set_scaled(203, "VAR_SF", {"VAR": unit.reactive_var}, -1, Rounding.NEAREST)
        if voltage_v is not None:
            phases = dict.fromkeys(("PhV", "PhVphA", "PhVphB", "PhVphC"), voltage_v())
            image.set_scaled(203, "V_SF", phases, -2, Rounding.NEAREST)
        counters = {"TotWhImp": unit.import_wh, "TotWhExp": unit.export_wh}
        image.set_scaled(203, "TotWh_SF", counters, -1, Rounding.DOWN)

    return DeviceModel((203,), setup, refresh, None)


def _inverter_setup(image: RegisterImage, der_type: int) -> None:
    image.set(103, {"PhVphA": _NOMINAL_V, "PhVphB": _NOMINAL_V, "PhVphC": _NOMINAL_V, "V_SF": 0})
    image.set(103, {"Hz": _NOMINAL_HZ * 100, "Hz_SF": -2, "Evt1": 0, "Evt2": 0})
    image.set(120, {"DERTyp": der_type})


def _inverter(image: RegisterImage, power_w: float, export_wh: float, *, throttled: bool) -> None:
    image.set(103, {"St": 5 if throttled else 4 if power_w else 8})
    image.set_scaled(103, "W_SF", {"W": -power_w}, -1, Rounding.NEAREST)
    image.set_scaled(103, "WH_SF", {"WH": export_wh}, -1, Rounding.DOWN)
    phase = abs(power_w) / (3 * _NOMINAL_V)
    image.set_scaled(103, "A_SF", {"A": 3 * phase, "AphA": phase, "AphB": phase, "AphC": phase}, -2, Rounding.NEAREST)


def _available(image: RegisterImage, unit: LimitedUnit) -> None:
    image.set_scaled(122, "WAval_SF", {"WAval": -unit.available_w}, -1, Rounding.NEAREST)


def _der_setup(image: RegisterImage) -> None:
    _measurement_setup(image)
    image.set(703, {"ES": 1})


def _measurement_setup(image: RegisterImage) -> None:
    image.set(701, {"ACType": 2, "St": 1, "ConnSt": 1, "Alrm": 0})
    image.set(701, {"LNV": _NOMINAL_V, "V_SF": 0, "Hz": _NOMINAL_HZ * 1000, "Hz_SF": -3})


def _der(image: RegisterImage, unit: Metered) -> None:
    image.set(701, {"InvSt": 3 if unit.power_w else 7})
    image.set_scaled(701, "W_SF", {"W": -unit.power_w}, -1, Rounding.NEAREST)
    image.set_scaled(701, "TotWh_SF", {"TotWhInj": unit.export_wh, "TotWhAbs": unit.import_wh}, -1, Rounding.DOWN)


def _set_704(image: RegisterImage) -> None:
    image.set(704, {"WSetEna": 0, "WSetMod": 1, "WSet": 0, "WSet_SF": 0})
    image.set(704, {"WSetEnaRvrt": 0, "WSetRvrtTms": 0, "WSetRvrtRem": 0})


def _rating(image: RegisterImage, model_id: int, scale: str, **values: float) -> None:
    image.set_scaled(model_id, scale, values, 0, Rounding.NEAREST)


def _stored_share(unit: BatteryUnit) -> float:
    return min(1.0, max(0.0, unit.stored_wh / unit.capacity_wh))
