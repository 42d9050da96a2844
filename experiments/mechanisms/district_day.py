"""A district's day as a market: what each congestion point needs in each ISP, who would pay what, who offers what."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

import numpy as np

from agents.assembly.grid_of_site import plant_connections, point_grids
from agents.planning.grid_safety.assessment import Assessment, PointGrid, assess
from cim.model.arrays import Floats, Ints
from environment.feeder import Feeder
from environment.sites.network import build_limits, build_network
from environment.sites.schema import Site
from experiments.mechanisms.lived_day import LivedDay, live
from experiments.mechanisms.offers import Offering, offerings
from experiments.run.grid import over_limit_va
from market.mechanisms.network import NetworkLimits

_E4_PER_CT = 100


@dataclass(frozen=True)
class Worth:
    """What the DSO would pay for relief that spares it to limit one connection's plants.

    Attributes:
        buyer: `dso/` and the connection.
        weight: [T] the connection's part of the need, by what its plants make.
        price_e4: [T] per kWh: what limiting it costs, as the DSO's last resort.
    """

    buyer: str
    weight: Floats
    price_e4: Ints


@dataclass(frozen=True)
class DistrictDay:
    """A day's market before anybody plays with it; energies are watt-hours of an ISP, [T].

    Attributes:
        points: congestion points, those furthest down first.
        above: point -> itself and all above it.
        need_wh: by point, relief that brings it within its limits, everything below counted; 0 where none is needed.
        spare_wh: by point, how much more could be fed in before something is needed.
        worth: by point, who it is that would be limited.
        offers: of all elements.
    """

    site: Site
    lived: LivedDay
    points: tuple[str, ...]
    above: Mapping[str, tuple[str, ...]]
    need_wh: Mapping[str, Ints]
    spare_wh: Mapping[str, Ints]
    worth: Mapping[str, tuple[Worth, ...]]
    offers: tuple[Offering, ...]

    @property
    def limits(self) -> NetworkLimits:
        """The points as rows: a need takes from its point, an offer gives to its point and all above it."""
        needs = tuple(f"need:{point}" for point in self.points)
        share = tuple(
            (
                *(1.0 if other == row else 0.0 for other in self.points),
                *(1.0 if row in self.above[other] else 0.0 for other in self.points),
            )
            for row in self.points
        )
        return NetworkLimits(self.points, (*needs, *self.points), share, (0,) * len(self.points))


def district_day(site: Site, day: date, seed: int) -> DistrictDay:
    """The day of a site with a seed.

    Needs are what the DSO's own grid safety analysis finds on the day as it is foretold. Only relief from feed-in is
    traded here: an ISP in which a point would need less consumption is left alone.
    """
    lived = live(site, day, seed)
    points = point_grids(site, build_network(site))
    found = _assessed(site, lived, points)
    hours = lived.hours
    need = {name: np.rint(np.maximum(one.need_w, 0.0) * hours).astype(np.int64) for name, one in found.items()}
    spare = {name: np.floor(np.maximum(-one.room_down_w, 0.0) * hours).astype(np.int64) for name, one in found.items()}
    spare = {name: np.where(need[name] > 0, 0, row) for name, row in spare.items()}
    above = {point.identity: site.points_above(point.identity) for point in points}
    asked = {name: np.sum([need[other] for other in above[name]], axis=0).astype(np.float64) for name in above}
    names = tuple(point.identity for point in points)
    worth = {name: _worth(site, lived, name) for name in names}
    return DistrictDay(site, lived, names, above, need, spare, worth, tuple(offerings(site, lived, asked)))


def _assessed(site: Site, lived: LivedDay, points: tuple[PointGrid, ...]) -> dict[str, Assessment]:
    network, limits = build_network(site), build_limits(site)
    nodes = tuple(p.node for p in site.prosumers)
    p_w = tuple(lived.expected_net_wh[p.name] / lived.hours for p in site.prosumers)
    q_var = tuple(lived.truth[p.name][1].astype(np.float64) for p in site.prosumers)
    margin = site.market.loading_reserve_pct.value
    return {point.identity: assess(network, limits, margin, point, nodes, p_w, q_var) for point in points}


def _worth(site: Site, lived: LivedDay, point: str) -> tuple[Worth, ...]:
    """By connection with plants below a point: what it is paid when it is limited, times what a last resort may cost."""
    prices = _outside(site)
    found = []
    for plant in plant_connections(site):
        if point not in plant.points:
            continue
        made = np.sum(
            [row for name, row in lived.expected_generation_wh.items() if name.partition(".")[0] == plant.owner], axis=0
        )
        feed_in = np.maximum(lived.rates[plant.owner][1], 0.0) * _E4_PER_CT
        price = np.minimum(feed_in * prices[0] / 100, prices[1])
        found.append(Worth(f"dso/{plant.owner}", made, np.rint(price).astype(np.int64)))
    return tuple(found)


def _outside(site: Site) -> tuple[float, float]:
    """What the DSO's last resort may cost of what it pays, percent, and what a stronger grid costs, e4 per kWh."""
    options = site.market.outside_options
    annuity_e4 = options.reinforcement_per_year.value * 100 * _E4_PER_CT
    return options.last_resort_pct.value, annuity_e4 / options.over_limit_kwh_per_year.value


class GridAfter:
    """How far the grid is above its limits when connections move away from the day that was lived."""

    def __init__(self, site: Site, lived: LivedDay) -> None:
        self._site, self._lived = site, lived
        self._feeder, self._limits = Feeder(build_network(site)), build_limits(site)
        self._known: dict[bytes, float] = {}

    def over_limit_wh(self, moved_wh: Mapping[str, Floats]) -> float:
        """Apparent energy above the loading limits of the congestion points' branches over the day.

        Args:
            moved_wh: prosumer -> [T] more consumption than was lived.
        """
        truth = self._lived.truth
        p = np.zeros((self._lived.day.count, len(self._feeder.node_names)))
        q = np.zeros_like(p)
        for prosumer in self._site.prosumers:
            active, reactive = truth[prosumer.name]
            column = self._feeder.node_index[prosumer.node]
            p[:, column] += active
            q[:, column] += reactive
            if prosumer.name in moved_wh:
                p[:, column] += moved_wh[prosumer.name] / self._lived.hours
        key = p.tobytes()
        if key not in self._known:
            flow = self._feeder.flow(p, q)
            over = over_limit_va(self._site, self._feeder.network, flow, self._limits.max_loading_pct)
            self._known[key] = float(over.sum()) * self._lived.hours
        return self._known[key]
