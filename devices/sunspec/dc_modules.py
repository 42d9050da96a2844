"""Model 160 of a hybrid inverter: PV and battery behind one AC side, each told on its own DC side.

By the names that makers give the modules: `StCha` is what charges the store, `StDisCha` what discharges it, all others are PV.
"""

from __future__ import annotations

from dataclasses import dataclass

from cim.model.devices import DeviceKind
from cim.model.readings import Kind
from devices.sunspec.block import Block
from devices.sunspec.image import DeviceImage, Wanted

MODEL = 160
_CHARGING, _DISCHARGING = "stcha", "stdischa"


@dataclass(frozen=True, slots=True)
class DcModules:
    """Which modules (0, 1, ...) of a hybrid charge its store, discharge it, and generate."""

    charging: tuple[int, ...]
    discharging: tuple[int, ...]
    generating: tuple[int, ...]

    @property
    def wanted(self) -> tuple[Wanted, ...]:
        """What is to be read of them."""
        modules = (*self.charging, *self.discharging, *self.generating)
        return tuple((MODEL, f"module.{k}.{point}") for k in modules for point in ("DCW", "DCWH"))

    def values(self, kind: DeviceKind, block: Block) -> dict[Kind, float | None]:
        """Power (W, positive is taken) and counters (Wh) of the battery or the PV plant, in `block`, model 160.

        None where a module does not tell its power; a counter that a module does not have is left out, as the AC side's
        would be of both.
        """
        taken, given = (self.charging, self.discharging) if kind is DeviceKind.BATTERY else ((), self.generating)
        takes, gives = _sum(block, taken, "DCW"), _sum(block, given, "DCW")
        found: dict[Kind, float | None] = {Kind.POWER: None if takes is None or gives is None else takes - gives}
        for counter, modules in ((Kind.ENERGY_IMPORT, taken), (Kind.ENERGY_EXPORT, given)):
            total = _sum(block, modules, "DCWH")
            if modules and total is not None:
                found[counter] = total
        return found


async def dc_modules(image: DeviceImage) -> DcModules | None:
    """The modules of a device that has model 160; None where none of them is a store, and the AC side says it all.

    Raises as `DeviceImage.read`.
    """
    names = [name for name in image.table(MODEL).points if name.endswith(".IDStr")]
    if not names:
        return None
    block = (await image.read([(MODEL, name) for name in names]))[MODEL]
    told = [block.text(name).lower().replace(" ", "") for name in names]
    charging = tuple(k for k, name in enumerate(told) if name.startswith(_CHARGING))
    discharging = tuple(k for k, name in enumerate(told) if name.startswith(_DISCHARGING))
    others = tuple(k for k in range(len(told)) if k not in charging and k not in discharging)
    return DcModules(charging, discharging, others) if charging and discharging else None


def _sum(block: Block, modules: tuple[int, ...], point: str) -> float | None:
    values = [block.number(f"module.{k}.{point}") for k in modules]
    return None if any(value is None for value in values) else sum(value for value in values if value is not None)
