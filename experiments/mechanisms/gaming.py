"""Three ways to play with a market, each as changed plays: what it brings the player shows how robust a mechanism is.

A player tries some variants and keeps to what pays best. In none of them anything is found out or punished: what a
mechanism alone withstands is measured.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from enum import StrEnum

import numpy as np

from cim.model.arrays import Ints
from environment.physics import Battery
from experiments.mechanisms.district_day import DistrictDay
from experiments.mechanisms.market_day import Ask, Play, honest

INFLATED = 0.3  # assumed: so much more feed-in than it expects does the player foretell
WITHHELD = (0.25, 0.5, 0.75)  # assumed: so much of each of its offers may the player keep back
ASKED = (1.0, 0.5, 0.0)  # of its usual price, what the player may ask for what it invented or scheduled


class Game(StrEnum):
    """A way to play."""

    BASELINE_INFLATION = "baseline inflation"
    INCREASE_DECREASE = "increase-decrease"
    WITHHELD_OFFERS = "withheld offers"


def inflate_baseline(day: DistrictDay) -> tuple[Play, ...]:
    """The plant with most to offer foretells more feed-in than it expects, and sells not making it.

    The DSO then sees more need than there is, and the player sells first what never was.
    """
    play = honest(day)
    plants = [ask for ask in play.asks if ask.element in day.lived.available_wh and ask.element == ask.name]
    if not plants:
        return (play,)
    player = max(plants, key=lambda ask: (int(ask.quantity_wh.sum()), ask.name))
    asked = _asked(day, player.point)
    extra = np.where(asked, np.rint(INFLATED * day.lived.expected_generation_wh[player.element]), 0).astype(np.int64)
    invented = replace(
        player, name=f"{player.name}/invented", quantity_wh=extra, cost_e4=np.zeros_like(player.cost_e4), relieves=0.0
    )
    return _with_added(play, player, invented)


def increase_decrease(day: DistrictDay) -> tuple[Play, ...]:
    """The largest battery schedules to feed in while the grid is full, and then sells not doing it.

    What it cannot sell it has to feed in: it earns the feed-in and buys the energy anew.
    """
    play = honest(day)
    batteries = {name: unit for name, unit in day.lived.at_start.items() if isinstance(unit, Battery)}
    asks = {ask.element: ask for ask in play.asks if ask.element in batteries}
    if not asks:
        return (play,)
    element = max(asks, key=lambda name: (batteries[name].rated_w, name))
    player, unit = asks[element], batteries[element]
    asked = _asked(day, player.point)
    if not asked.any():
        return (play,)
    stored = float(day.lived.stored_wh[element][int(np.argmax(asked))]) * unit.efficiency
    each = min(unit.rated_w * day.lived.hours, stored / int(asked.sum()))
    extra = np.where(asked, np.floor(each), 0).astype(np.int64)
    retail, feed_in = day.lived.rates[element.partition(".")[0]]
    wear = day.site.flexibility_costs.wear_ct_per_kwh.value
    lost = np.rint(100 * (retail / unit.efficiency**2 + wear - feed_in)).astype(np.int64)
    scheduled = replace(
        player,
        name=f"{element}/scheduled",
        quantity_wh=extra,
        cost_e4=np.zeros_like(player.cost_e4),
        back=np.zeros_like(player.back),
        relieves=0.0,
        unsold_burdens=1.0,
        unsold_cost_e4=lost,
    )
    return _with_added(play, player, scheduled)


def withhold_offers(day: DistrictDay) -> tuple[Play, ...]:
    """The aggregator with most to offer keeps back a part of each offer, so that dearer ones set the price."""
    play = honest(day)
    by_owner: dict[str, int] = {}
    for ask in play.asks:
        by_owner[ask.owner] = by_owner.get(ask.owner, 0) + int(ask.quantity_wh.sum())
    if not by_owner:
        return (play,)
    player = max(by_owner, key=lambda owner: (by_owner[owner], owner))

    def kept(ask: Ask, withheld: float) -> Ask:
        if ask.owner != player:
            return ask
        return replace(ask, quantity_wh=np.floor((1 - withheld) * ask.quantity_wh).astype(np.int64))

    players = frozenset(ask.name for ask in play.asks if ask.owner == player)
    return tuple(
        Play(day, play.need_wh, tuple(kept(ask, withheld) for ask in play.asks), players) for withheld in WITHHELD
    )


GAMES: Mapping[Game, Callable[[DistrictDay], tuple[Play, ...]]] = {
    Game.BASELINE_INFLATION: inflate_baseline,
    Game.INCREASE_DECREASE: increase_decrease,
    Game.WITHHELD_OFFERS: withhold_offers,
}


def _with_added(play: Play, player: Ask, added: Ask) -> tuple[Play, ...]:
    """The play with another ask of the player, at each of the prices that it tries; the DSO sees more need by as much."""
    needs = _with_more_feed_in(play.day, player.point, added.quantity_wh)
    priced = [replace(added, price_e4=np.floor(share * player.price_e4).astype(np.int64)) for share in ASKED]
    players = frozenset((player.name, added.name))
    return tuple(Play(play.day, needs, (*play.asks, ask), players) for ask in priced)


def _asked(day: DistrictDay, point: str) -> Ints:
    """[T] whether something is needed at a point or above it."""
    total: Ints = np.sum([day.need_wh[other] for other in day.above[point]], axis=0) > 0
    return total


def _with_more_feed_in(day: DistrictDay, point: str, extra_wh: Ints) -> dict[str, Ints]:
    """The needs when so much more is foretold to be fed in at a point: beyond what is spare, all of it is needed."""
    above = day.above[point]
    return {
        name: need + np.maximum(extra_wh - day.spare_wh[name], 0) if name in above else need
        for name, need in day.need_wh.items()
    }
