"""Sun and wind that were there and not used: what the DSO's right took, what was ordered, and what was lost besides."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from cim.model.arrays import Floats
from experiments.run.columns.column import Column


class HeldBack(NamedTuple):
    """What was lost though neither the DSO's right took it nor an order was settled with it.

    Attributes:
        energy_wh: at least 0.
        worth_e4: at what it would have earned if fed in, ten-thousandths of the currency unit.
    """

    energy_wh: float
    worth_e4: float


def lost_w(column: Column) -> dict[str, Floats]:
    """Sun and wind that were there and not used: unit -> mean watts of each ISP, >= 0."""
    devices = column.devices
    return {name: np.maximum(devices.power_w[name] - there, 0.0) for name, there in devices.available_w.items()}


def unasked_w(column: Column) -> dict[str, Floats]:
    """What a plant lost beyond what aggregators settled as delivered by it: unit -> mean watts of each ISP, >= 0."""
    return {
        name: row - np.clip(column.delivered_w[name], 0.0, row) if name in column.delivered_w else row
        for name, row in lost_w(column).items()
    }


def held_back(column: Column, feed_in_ct: Mapping[str, Floats], hours: float) -> HeldBack:
    """What was lost for another reason: most of it where a plant holds a promised level while the sun is stronger.

    The DSO's right is accounted by connection and day; its part of the worth is taken out in proportion to energy.

    Args:
        feed_in_ct: unit -> what a kilowatt-hour fed in earns in each ISP.
        hours: length of an ISP.
    """
    rows = {name: row for name, row in unasked_w(column).items() if row.any()}
    energy_wh = sum(float(row.sum()) for row in rows.values()) * hours
    left_wh = max(energy_wh - sum(column.accounted_wh.values()), 0.0)
    if not left_wh:
        return HeldBack(0.0, 0.0)
    worth_e4 = sum(float((row * feed_in_ct[name]).sum()) for name, row in rows.items()) * hours / 10
    return HeldBack(left_wh, worth_e4 * left_wh / energy_wh)


def accounted_by_unit(column: Column) -> dict[str, float]:
    """What the DSO's right took, unit by unit: a connection's account by what each of its plants lost while it was limited."""
    lost, found = unasked_w(column), dict[str, float]()
    for owner, taken_wh in column.accounted_wh.items():
        isps = [isp for limited, isp in column.limited if limited == owner]
        parts = {name: float(row[isps].sum()) for name, row in lost.items() if name.partition(".")[0] == owner}
        whole = sum(parts.values())
        found |= {name: taken_wh * part / whole for name, part in parts.items() if whole}
    return found
