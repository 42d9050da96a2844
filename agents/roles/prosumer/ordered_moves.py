"""What orders move of a home's elements: its battery must not answer that, or the connection's power stays what it was."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from agents.planning.elements.element import ElementKind
from agents.roles.prosumer.element_reports import ElementReports
from agents.roles.prosumer.held_orders import HeldOrders
from cim.model.arrays import Floats, Mask
from cim.model.intervals import LocalDay
from cim.model.readings import Kind
from market.contracts.contract import BaselineKind

_NOTICED_KW = 0.1  # less is not worth holding a battery to a forecast of its home


class OrderedMoves:
    """Answers from orders and reports; it keeps nothing itself.

    Args:
        kinds: of the home's elements, by name.
    """

    def __init__(self, kinds: dict[str, ElementKind], held: HeldOrders, reports: ElementReports) -> None:
        self._kinds, self._held, self._reports = kinds, held, reports

    def expected_kw(self, element: str, day: LocalDay, forecast_kw: Floats, with_orders_kw: Floats) -> Floats:
        """[T] kW by which orders move what is expected of an element.

        Args:
            forecast_kw, with_orders_kw: [T] what is expected of it; of a plant, without its orders and with them.
        """
        held = self._held.held_kw(element, day)
        moved = with_orders_kw - forecast_kw if self._is_plant(element) else self._held.moved_kw(element, day)
        return np.where(np.isnan(held), 0.0, moved)

    def touched(self, elements: Iterable[str], day: LocalDay) -> Mask:
        """[T] where orders move these elements together by more than is nothing to their home."""
        moved = sum((self._held.moved_kw(name, day) for name in elements), start=np.zeros(day.count))
        noticed: Mask = np.abs(moved) > _NOTICED_KW
        return noticed

    def unmoved_now_kw(self, element: str, day: LocalDay, isp: int, otherwise_kw: float) -> float:
        """What an element would draw in the running ISP without its orders, by what it told last.

        Args:
            isp: the running one, from 1.
            otherwise_kw: where it told nothing.
        """
        power_w = self._reports.last_value(element, Kind.POWER)
        if self._is_plant(element):
            power_w = self._reports.last_value(element, Kind.AVAILABLE_POWER)
            return otherwise_kw if power_w is None else power_w / 1000
        if power_w is None:
            return otherwise_kw
        held = self._held.held_kw(element, day)[isp - 1]
        moved_kw = 0.0 if np.isnan(held) else float(self._held.moved_kw(element, day)[isp - 1])
        return power_w / 1000 - moved_kw

    def _is_plant(self, element: str) -> bool:
        return self._kinds[element].baseline is BaselineKind.AVAILABLE_POWER
