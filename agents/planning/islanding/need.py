"""What one outage needs from the battery, exactly, in plain Python: agents decide by it each control interval."""

from __future__ import annotations

from cim.model.arrays import Floats


def need_of_pieces(short_w: Floats, hours: Floats, battery_w: float, efficiency: float) -> float:
    """What must be stored at the beginning, Wh, to get through pieces that each last so many hours.

    Going back from the end: a shortage is added, through the losses of discharging; a surplus is taken off, within the
    battery's power and through the losses of charging, never below nothing. Infinite where power lacks: no energy helps.

    Args:
        short_w: load less generation of each piece, W.
        hours: as long.
    """
    needed = 0.0
    for power_w, length_h in zip(short_w[::-1].tolist(), hours[::-1].tolist(), strict=True):
        if power_w > battery_w:
            return float("inf")
        if power_w > 0:
            needed += power_w * length_h / efficiency
        else:
            needed = max(0.0, needed - min(-power_w, battery_w) * length_h * efficiency)
    return needed
