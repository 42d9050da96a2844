"""What the EVSEs of one charging station leave each other of what its grid connection carries."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime

import numpy as np

from agents.planning.dispatch.flexibility import Flexibility
from agents.planning.dispatch.import_room import import_room_kw, within_room
from agents.planning.elements.element import PlanWindow
from agents.roles.prosumer.config import ProsumerConfig, SharedStation
from agents.roles.prosumer.ev_flexibility import EvFlexibilityManager
from agents.roles.prosumer.held_orders import HeldOrders
from cim.model.arrays import Floats
from cim.model.intervals import LocalDay

_NOTHING_WH = 100.0  # a vehicle that lacks no more than this needs no share


class StationSharing:
    """Shares out by the EVSEs' ratings, among those in use; keeps nothing itself.

    In use is an EVSE with a vehicle that still lacks energy; on a day that has not begun, each. What orders hold an EVSE to is
    taken off first. So the shares of those in use never come to more than the connection carries, whoever plans first, and a
    vehicle that comes has its share at once.
    """

    def __init__(self, config: ProsumerConfig, vehicles: EvFlexibilityManager, held: HeldOrders) -> None:
        self._stations, self._vehicles, self._held = config.stations, vehicles, held
        self._of = {element: station for station in config.stations for element in station.elements}
        self._rated_w = {name: element.consumption_w for name, element in config.by_name().items()}

    def room_kw(self, element: str, day: LocalDay, room_kw: Floats | None, now: datetime) -> Floats | None:
        """[T] kW that an element is planned to draw at most, within what is left to it anyway; None: anything."""
        station = self._of.get(element)
        if station is None:
            return room_kw
        left = np.full(day.count, station.limit_w / 1000)
        weights = np.full(day.count, float(self._rated_w[element]))
        for other in station.elements:
            if other == element:
                continue
            held = self._held.held_kw(other, day)
            left -= np.where(np.isnan(held), 0.0, np.maximum(held, 0.0))
            if self._in_use(other, day, now):
                weights += np.where(np.isnan(held), self._rated_w[other], 0.0)
        share: Floats = np.maximum(left, 0.0) * self._rated_w[element] / weights
        return share if room_kw is None else np.minimum(room_kw, share)

    def _in_use(self, element: str, day: LocalDay, now: datetime) -> bool:
        vehicle = self._vehicles.vehicle(element)
        if now <= day.start:
            return True
        return vehicle is not None and vehicle.energy_wh - self._vehicles.delivered_wh(element) > _NOTHING_WH

    def within(
        self,
        models: Iterable[Flexibility],
        window: PlanWindow,
        expected_kw: Callable[[str, LocalDay], Floats],
    ) -> tuple[Flexibility, ...]:
        """The models, those at one station together drawing at most what its connection carries."""
        known = {model.element: model for model in models}
        for station in self._stations:
            left = _left_kw(station, window.day, expected_kw)
            held = within_room((known[e] for e in station.elements if e in known), window.part(left))
            known = {e: m for e, m in known.items() if e not in station.elements} | {m.element: m for m in held}
        return tuple(known.values())


def _left_kw(station: SharedStation, day: LocalDay, expected_kw: Callable[[str, LocalDay], Floats]) -> Floats:
    return import_room_kw(station.limit_w / 1000, np.zeros(day.count), (expected_kw(e, day) for e in station.elements))
