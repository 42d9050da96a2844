"""What exchanging power with the grid costs on average over scenarios, as a convex line of segments in each interval."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from cim.codec.codec import wire
from cim.model.arrays import Floats
from cim.model.errors import BadInput


@wire("plan.Exchange")
@dataclass(frozen=True, slots=True)
class Exchange:
    """Prices and limits at the point of common coupling.

    Attributes:
        buy_ct_per_kwh, sell_ct_per_kwh: [T] of what is imported and exported; selling never earns more than buying costs.
        import_kw, export_kw: [T] what may be exchanged, magnitudes.
        over_ct_per_kwh: what each kWh beyond costs on top.
    """

    buy_ct_per_kwh: Floats
    sell_ct_per_kwh: Floats
    import_kw: Floats
    export_kw: Floats
    over_ct_per_kwh: float

    def __post_init__(self) -> None:
        if np.any(self.sell_ct_per_kwh > self.buy_ct_per_kwh):
            at = int(np.argmax(self.sell_ct_per_kwh > self.buy_ct_per_kwh))
            raise BadInput(
                f"sell_ct_per_kwh: {self.sell_ct_per_kwh[at]} in interval {at} is above what buying costs; expected at most that"
            )
        if self.over_ct_per_kwh < 0 or np.any(self.import_kw < 0) or np.any(self.export_kw < 0):
            raise BadInput("exchange: a limit or over_ct_per_kwh is negative; expected magnitudes")

    def cost_ct(self, net_kw: Floats, hours: float) -> Floats:
        """[...] cost of exchanging `net_kw` [..., T] over the day, + = import; hundredths of the currency unit."""
        cost = np.where(net_kw > 0, net_kw * self.buy_ct_per_kwh, net_kw * self.sell_ct_per_kwh)
        over = np.maximum(net_kw - self.import_kw, 0) + np.maximum(-net_kw - self.export_kw, 0)
        total: Floats = np.sum(cost + over * self.over_ct_per_kwh, axis=-1) * hours
        return total

    def mean_cost_ct(self, power_kw: Floats, scenarios_kw: Floats, hours: float) -> float:
        """Over scenarios [S, T] of what is not steered, with the resources together at `power_kw` [T]."""
        return float(np.mean(self.cost_ct(power_kw + scenarios_kw, hours)))


@dataclass(frozen=True)
class Segments:
    """The mean cost of the resources' power in each interval: straight between `edges_kw`, with rising slopes.

    Attributes:
        edges_kw: [K, T] rising; slopes_ct: [K + 1, T] per kW of an interval, the first below the first edge.
    """

    edges_kw: Floats
    slopes_ct: Floats


def segments(exchange: Exchange, scenarios_kw: Floats, hours: float) -> Segments:
    """Exactly the mean over scenarios [S, T]: each has a turn where its exchange is nothing, or at a limit."""
    turns = (0 * exchange.import_kw, exchange.import_kw, -exchange.export_kw)
    edges = np.sort(np.concatenate([turn - scenarios_kw for turn in turns]), axis=0)
    inside = np.concatenate([edges[:1] - 1, (edges[1:] + edges[:-1]) / 2, edges[-1:] + 1])
    slopes = np.zeros_like(inside)
    for row in scenarios_kw:  # a scenario after the other: all at once would be many times the memory
        net = inside + row
        slopes += np.where(net > 0, exchange.buy_ct_per_kwh, exchange.sell_ct_per_kwh)
        slopes += exchange.over_ct_per_kwh * ((net > exchange.import_kw) * 1.0 - (net < -exchange.export_kw))
    return Segments(edges, slopes / len(scenarios_kw) * hours)
