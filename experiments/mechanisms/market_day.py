"""A mechanism at work on a district's day: every ISP in which something is needed is cleared, and what came of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from cim.model.arrays import Floats, Ints
from experiments.mechanisms.district_day import DistrictDay
from experiments.mechanisms.solver import highs
from market.mechanisms.bids import Bid, Bids
from market.mechanisms.lots import drawn
from market.mechanisms.mechanism import Clearing, Mechanism, Setting
from market.mechanisms.network_aware import NetworkAware
from market.negotiation.concession import Side


@dataclass(frozen=True)
class Ask:
    """What a seller asks for an offering over the day, whether it tells the truth or not.

    Attributes:
        name, element, owner, point: as of the offering.
        quantity_wh, price_e4: [T] what it tells.
        cost_e4: [T] what each kWh sold really costs it.
        relieves: what each Wh sold really relieves the grid by.
        unsold_burdens: what each Wh that is not sold burdens the grid with, beyond the day that was lived.
        unsold_cost_e4: [T] what each kWh that is not sold costs it.
        back: [T] as of the offering.
    """

    name: str
    element: str
    owner: str
    point: str
    quantity_wh: Ints
    price_e4: Ints
    cost_e4: Ints
    back: Floats
    relieves: float = 1.0
    unsold_burdens: float = 0.0
    unsold_cost_e4: Ints | None = None


@dataclass(frozen=True)
class Play:
    """A day as its parties tell it: the needs that the DSO then sees, and what sellers ask.

    Attributes:
        day: as it is.
        need_wh: by point, [T] what the DSO believes to need.
        asks: of all sellers.
        players: the asks' names of those who play; nobody where all tell the truth.
    """

    day: DistrictDay
    need_wh: Mapping[str, Ints]
    asks: tuple[Ask, ...]
    players: frozenset[str] = frozenset()


def honest(day: DistrictDay) -> Play:
    """Everybody asks its cost for all it has."""
    asks = tuple(
        Ask(o.name, o.element, o.owner, o.point, o.quantity_wh, o.cost_e4, o.cost_e4, o.back) for o in day.offers
    )
    return Play(day, day.need_wh, asks)


@dataclass(frozen=True)
class Outcome:
    """What a mechanism made of a play; money in 1e-7 of the currency unit.

    Attributes:
        sold_wh: ask -> [T].
        received_e7: ask -> over the day.
        paid_e7: by the DSO.
        messages, clearings: how many.
    """

    play: Play
    sold_wh: Mapping[str, Ints]
    received_e7: Mapping[str, int]
    paid_e7: int
    messages: int
    clearings: int

    @property
    def all_received_e7(self) -> int:
        """By all sellers."""
        return sum(self.received_e7.values())

    def profit_e7(self, names: frozenset[str]) -> int:
        """What these sellers got less what their sales, and what they could not sell, really cost them."""
        return sum(self.received_e7[ask.name] - self._cost_e7(ask) for ask in self.play.asks if ask.name in names)

    def _cost_e7(self, ask: Ask) -> int:
        sold = self.sold_wh[ask.name]
        unsold = 0 if ask.unsold_cost_e4 is None else int(((ask.quantity_wh - sold) * ask.unsold_cost_e4).sum())
        return int((sold * ask.cost_e4).sum()) + unsold

    def relief_wh(self) -> dict[str, Ints]:
        """By point, [T] what was sold at it and below it."""
        day = self.play.day
        found = {point: np.zeros(day.lived.day.count, dtype=np.int64) for point in day.points}
        for ask in self.play.asks:
            for point in day.above[ask.point]:
                found[point] += self.sold_wh[ask.name]
        return found

    def welfare_e7(self) -> int:
        """What the DSO's other means for the relieved part of the need would have cost, less what relief cost sellers."""
        day, relief = self.play.day, self.relief_wh()
        worth = 0
        for point in day.points:
            for isp in np.flatnonzero(relief[point]).tolist():
                steps = demand(day, point, isp, int(self.play.need_wh[point][isp]))
                left = int(relief[point][isp])
                for _, quantity, price in steps:
                    worth += min(quantity, left) * price
                    left -= min(quantity, left)
        return worth - sum(self._cost_e7(ask) for ask in self.play.asks)

    def moved_wh(self) -> dict[str, Floats]:
        """Prosumer -> [T] by how much its net energy really differs from the day that was lived."""
        found: dict[str, Floats] = {}
        for ask in self.play.asks:
            sold = self.sold_wh[ask.name]
            moved = ask.relieves * (sold - float(sold.sum()) * ask.back)
            moved = moved - ask.unsold_burdens * (ask.quantity_wh - sold)
            if moved.any():
                owner = ask.element.partition(".")[0]
                found[owner] = found[owner] + moved if owner in found else moved
        return found


def demand(day: DistrictDay, point: str, isp: int, need_wh: int) -> list[tuple[str, int, int]]:
    """(buyer, Wh, price) that add up to a need, the best price first: each connection's part of it."""
    shares = [(worth.buyer, float(worth.weight[isp]), int(worth.price_e4[isp])) for worth in day.worth[point]]
    total = sum(weight for _, weight, _ in shares)
    if not need_wh or total <= 0:
        return []
    reached, given, steps = 0.0, 0, []
    for buyer, weight, price in shares:
        reached += weight
        upto = round(need_wh * reached / total)
        if upto > given:
            steps.append((buyer, upto - given, price))
        given = max(given, upto)
    return sorted(steps, key=lambda step: -step[2])


def run_day(play: Play, mechanism: Mechanism, seed: int) -> Outcome:
    """All ISPs of a play by one mechanism.

    One that knows the grid's limits clears all points at once. For the others each point is a market of its own, from the
    bottom up: what is bought below need not be bought above, and what is left below is offered above.

    Args:
        seed: of lots, and of the order in which bids come.
    """
    books = _Books(play)
    for isp in _needed(play):
        if isinstance(mechanism, NetworkAware):
            books.all_points(mechanism, seed, isp)
        else:
            for point in play.day.points:
                books.one_point(mechanism, seed, isp, point)
    return Outcome(play, books.sold, books.received, books.paid, books.messages, books.clearings)


def _needed(play: Play) -> Iterator[int]:
    total = np.sum(list(play.need_wh.values()), axis=0)
    yield from np.flatnonzero(total).tolist()


class _Books:
    """What was sold and paid so far."""

    def __init__(self, play: Play) -> None:
        self._play = play
        count = play.day.lived.day.count
        self.sold = {ask.name: np.zeros(count, dtype=np.int64) for ask in play.asks}
        self.received = {ask.name: 0 for ask in play.asks}
        self.paid = self.messages = self.clearings = 0

    def all_points(self, mechanism: Mechanism, seed: int, isp: int) -> None:
        """One clearing over all points."""
        day = self._play.day
        rows = [
            Bid(f"{buyer}@{point}", Side.BUYER, quantity, price, f"need:{point}")
            for point in day.points
            for buyer, quantity, price in demand(day, point, isp, int(self._play.need_wh[point][isp]))
        ]
        rows += self._sellers(isp, set(day.points))
        self._clear(mechanism, Setting(seed, day.limits, highs), isp, rows)

    def one_point(self, mechanism: Mechanism, seed: int, isp: int, point: str) -> None:
        """One point's market with what is left of its need and of offers at it and below it."""
        day = self._play.day
        below = {other for other in day.points if point in day.above[other]}
        relieved = sum(int(self.sold[ask.name][isp]) for ask in self._play.asks if ask.point in below)
        need = int(self._play.need_wh[point][isp])
        left = max(need - relieved, 0)
        rows = []
        for buyer, quantity, price in demand(day, point, isp, need):  # what is worth least is given up first
            if taken := min(quantity, left):
                rows.append(Bid(buyer, Side.BUYER, taken, price))
                left -= taken
        if rows:
            self._clear(mechanism, Setting(seed), isp, rows + self._sellers(isp, below))

    def _sellers(self, isp: int, points: set[str]) -> list[Bid]:
        rows = []
        for ask in self._play.asks:
            left = int(ask.quantity_wh[isp] - self.sold[ask.name][isp])
            if ask.point in points and left > 0:
                rows.append(Bid(ask.name, Side.SELLER, left, int(ask.price_e4[isp]), ask.point))
        return rows

    def _clear(self, mechanism: Mechanism, setting: Setting, isp: int, rows: list[Bid]) -> None:
        turn = np.argsort(drawn(setting.seed, f"arrival/{isp}", tuple(row.name for row in rows)), kind="stable")
        found: Clearing = mechanism.clear(Bids.of(rows[place] for place in turn.tolist()), setting)
        self.clearings += 1
        self.messages += found.messages
        self.paid += found.paid_e7
        for place in np.flatnonzero(~found.bids.buys & (found.quantity_wh > 0)).tolist():
            name = found.bids.names[place]
            self.sold[name][isp] += int(found.quantity_wh[place])
            self.received[name] += int(found.amount_e7[place])
