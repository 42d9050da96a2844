"""What was ordered, paid for and fined in the ISPs of an incident."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass
from datetime import date, datetime

from cim.platform.publications.agreements import AssetsRegistered
from cim.platform.publications.settlement import SettledIsp, SettledOrder, SettlementTold, last_revisions
from cim.platform.publications.trading import OrderPlaced
from cim.platform.store import Store, values
from market.rules import MarketRules


@dataclass(frozen=True)
class Booked:
    """Energy in some ISPs, absolute watt-hours: ordered, paid for as delivered, fined as missing."""

    ordered_wh: float
    delivered_wh: float
    missing_wh: float

    @property
    def neither_wh(self) -> int:
        """Ordered, and neither paid for nor fined."""
        return max(round(self.ordered_wh - self.delivered_wh - self.missing_wh), 0)

    def of_dso(self) -> str:
        """In words, of the DSO's orders."""
        if not self.ordered_wh:
            return "nothing was ordered there"
        return (
            f"{kwh(self.ordered_wh)} ordered there: {kwh(self.delivered_wh)} paid, {kwh(self.missing_wh)} fined, "
            f"{kwh(self.neither_wh)} neither"
        )

    def of_members(self) -> str:
        """In words, of what aggregators settled with members."""
        if not self.delivered_wh and not self.missing_wh:
            return "its elements are neither paid nor fined for it"
        return f"{kwh(self.delivered_wh)} of its elements paid, {kwh(self.missing_wh)} fined"


def kwh(energy_wh: float) -> str:
    """Watt-hours in words."""
    return f"{energy_wh / 1000:.1f} kWh"


class SettledIsps:
    """Looks up settlements and orders of a run.

    Args:
        dso: its domain.
    """

    def __init__(self, store: Store, rules: MarketRules, dso: str) -> None:
        self._rules, told = rules, last_revisions(values(store, SettlementTold))
        self._orders = values(store, OrderPlaced)
        self._above = [(one.seller, order) for one in told if one.buyer == dso for order in one.orders]
        self._below = [order for one in told if one.buyer != dso for order in one.orders]
        self._owners = {a.name: a.owner for one in values(store, AssetsRegistered) for a in one.assets}

    def elements_of(self, agent: str) -> tuple[str, ...]:
        """The registered elements of an agent."""
        domain = self._rules.domains.get(agent)
        return tuple(name for name, owner in self._owners.items() if owner == domain)

    def elements_behind(self, device: str, agent: str) -> tuple[str, ...]:
        """The elements of which nobody knows anything while a device, as its agent tells, is lost."""
        return (device,) if device in self._owners else self.elements_of(agent)

    def of_elements(self, elements: Collection[str], period: date, isps: Collection[int]) -> Booked:
        """What aggregators settled with members for these elements in these ISPs (from 1) of a day."""
        return self._booked(self._of(elements), lambda day, isp: day == period and isp in isps)

    def between(self, elements: Collection[str], since: datetime, until: datetime) -> Booked:
        """The same of the ISPs that lie wholly between two instants."""

        def within(period: date, isp: int) -> bool:
            day = self._rules.day(period)
            return since <= day.isp_start(isp) and day.isp_start(isp + 1) <= until

        return self._booked(self._of(elements), within)

    def of_point(self, seller: str, point: str, period: date, isps: Collection[int]) -> Booked:
        """What the DSO ordered of a seller (its domain) at a congestion point in these ISPs, and what became of it."""
        mine = (order for whose, order in self._above if whose == seller and order.congestion_point == point)
        settled = self._booked(mine, lambda day, isp: day == period and isp in isps)
        rows = [
            row
            for order in self._orders
            if (order.seller, order.congestion_point, order.period) == (seller, point, period)
            for row in order.isps
        ]
        ordered = sum(abs(row.power_w) for row in rows for isp in _isps(row.start, row.duration) if isp in isps)
        return Booked(ordered * self._rules.hours, settled.delivered_wh, settled.missing_wh)

    def _of(self, elements: Collection[str]) -> Iterator[SettledOrder]:
        return (order for order in self._below if order.congestion_point in elements)

    def _booked(self, orders: Iterable[SettledOrder], counts: Callable[[date, int], bool]) -> Booked:
        rows: list[SettledIsp] = [
            row
            for order in orders
            for row in order.isps
            for isp in _isps(row.start, row.duration)
            if counts(order.period, isp)
        ]
        energies = (
            sum(abs(power) for power in powers) * self._rules.hours
            for powers in (
                [row.ordered_flex_power_w for row in rows],
                [row.delivered_flex_power_w for row in rows],
                [row.power_deficiency_w for row in rows],
            )
        )
        return Booked(*energies)


def _isps(start: int, duration: int) -> range:
    return range(start, start + duration)
