"""How much of what the site could generate it used itself: what it needed less what it had to import.

What a site does not export is not yet used: a full battery, a house heated beyond its thermostat and losses on the way take
energy and serve nobody. So need is counted, not export, and what batteries give of the morning's energy is none of the day's
generation.
"""

from __future__ import annotations

import numpy as np

from environment.physics import UnitKind
from experiments.run.columns.column import Column

_GENERATORS = (UnitKind.PV, UnitKind.WIND, UnitKind.CHP)
_AT_MOST = (UnitKind.EV, UnitKind.HEAT_PUMP)  # may be moved in time: no more of them is need than without control
_AS_IT_IS = (UnitKind.LOAD, UnitKind.APPLIANCE)


def own_use_pct(column: Column, idle: Column, hours: float, efficiency: float) -> float:
    """The share of what could be generated that served the site's own need in the same days, percent; 0 where nothing could.

    Args:
        idle: the same days without any control: what could be generated, and what vehicles and heat pumps take by themselves.
        hours: length of an ISP.
        efficiency: of batteries, one way.
    """
    could_wh = -sum(_energy_wh(idle, kind, hours) for kind in _GENERATORS)
    if could_wh <= 0:
        return 0.0
    needed_wh = sum(_energy_wh(column, kind, hours) for kind in _AS_IT_IS)
    needed_wh += sum(min(_energy_wh(one, kind, hours) for one in (column, idle)) for kind in _AT_MOST)
    net_w = np.sum([active for active, _ in column.truth.values()], axis=0, dtype=np.float64)
    imported_wh = float(np.maximum(net_w, 0).sum()) * hours
    given_wh = max(-stored_more_wh(column, hours, efficiency), 0.0) * efficiency
    return round(100 * max(needed_wh - imported_wh - given_wh, 0.0) / could_wh, 2)


def stored_more_wh(column: Column, hours: float, efficiency: float) -> float:
    """How much more all batteries hold at the end than at the beginning."""
    powers_w = [row for name, row in column.devices.power_w.items() if column.devices.kinds[name] == UnitKind.BATTERY]
    return sum(
        float(np.maximum(row, 0).sum()) * hours * efficiency - float(np.maximum(-row, 0).sum()) * hours / efficiency
        for row in powers_w
    )


def _energy_wh(column: Column, kind: UnitKind, hours: float) -> float:
    return float(column.by_kind[kind].sum()) * hours if kind in column.by_kind else 0.0
