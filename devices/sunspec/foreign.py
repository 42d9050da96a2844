"""A setpoint of somebody else that a device is found with: remembered, never loosened, put back when ILES leaves.

One that expires by itself is not: it may be our own, of a driver before this one, and would be over when it was put back.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from devices.sunspec.duties import Steering
from devices.sunspec.image import DeviceImage

ENABLE: Mapping[Steering, str] = MappingProxyType(
    {
        Steering.LIMIT_123: "WMaxLim_Ena",
        Steering.LIMIT_704: "WMaxLimPctEna",
        Steering.STORAGE_124: "StorCtl_Mod",
        Steering.SET_704: "WSetEna",
    }
)
# What a setpoint is, beside the point that enables it; in the order in which it is put back.
_SAID: Mapping[Steering, tuple[str, ...]] = MappingProxyType(
    {
        Steering.LIMIT_123: ("WMaxLimPct", "WMaxLimPct_RvrtTms"),
        Steering.LIMIT_704: ("WMaxLimPct", "WMaxLimPctEnaRvrt", "WMaxLimPctRvrtTms"),
        Steering.STORAGE_124: ("OutWRte", "InWRte", "InOutWRte_RvrtTms"),
        Steering.SET_704: ("WSetMod", "WSet", "WSetEnaRvrt", "WSetRvrtTms"),
    }
)


@dataclass(frozen=True, slots=True)
class ForeignSetpoint:
    """What stood before the first setpoint of ours.

    Attributes:
        values: by point, in its unit, in the order in which they are put back.
        enabled: the value of the point that enables it.
    """

    values: tuple[tuple[str, float], ...]
    enabled: int

    @property
    def limit_pct(self) -> float | None:
        """Of a limit, the share of the rating that may be given."""
        return dict(self.values).get("WMaxLimPct")


async def foreign_setpoint(image: DeviceImage, steering: Steering) -> ForeignSetpoint | None:
    """The setpoint that stands enabled and does not expire; None where there is none. Raises as `DeviceImage.read`."""
    model_id, reversion = steering.reversion
    names = (ENABLE[steering], *_SAID[steering])
    block = (await image.read([(model_id, name) for name in names]))[model_id]
    enabled = block.raw(names[0])
    if not isinstance(enabled, int) or not enabled or block.raw(reversion):
        return None
    told = ((name, block.number(name)) for name in names[1:])
    return ForeignSetpoint(tuple((name, value) for name, value in told if value is not None), enabled)
