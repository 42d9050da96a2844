"""Small markets: the example of the literature's double auctions, random ones, and a linear solver."""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st
from scipy.optimize import linprog

from cim.model.arrays import Floats
from market.mechanisms.bids import Bid, Bids
from market.mechanisms.mechanism import Clearing, Setting
from market.mechanisms.network import Optimum
from market.negotiation.concession import Side

UNIT = 10_000  # e4 of one unit of money, so that half a unit is a whole price


def linear(costs: Floats, matrix: Floats, room: Floats, most: Floats) -> Optimum:
    """The solver that tests hand in."""
    found = linprog(costs, A_ub=matrix, b_ub=room, bounds=np.stack([np.zeros_like(most), most], axis=1))
    return Optimum(found.x, -found.ineqlin.marginals)


SOLVED = Setting(seed=7, solver=linear)


def buyer(name: str, quantity_wh: int, price_e4: int, point: str = "") -> Bid:
    """A buyer's bid."""
    return Bid(name, Side.BUYER, quantity_wh, price_e4, point)


def seller(name: str, quantity_wh: int, price_e4: int, point: str = "") -> Bid:
    """A seller's bid."""
    return Bid(name, Side.SELLER, quantity_wh, price_e4, point)


def textbook() -> Bids:
    """Five buyers and five sellers of one unit: bids 100 90 80 70 60, asks 80 85 95 100 110."""
    buyers = [buyer(f"b{price}", 1, price * UNIT) for price in (100, 90, 80, 70, 60)]
    return Bids.of([*buyers, *(seller(f"s{price}", 1, price * UNIT) for price in (80, 85, 95, 100, 110))])


@st.composite
def markets(draw: st.DrawFn, most_wh: int = 40, least: int = 0) -> Bids:
    """A few bids with small numbers, so that equal prices and quantities are frequent."""
    sides = draw(st.lists(st.sampled_from(Side), min_size=least, max_size=9))
    return Bids.of(
        Bid(f"p{place}", side, draw(st.integers(1, most_wh)), draw(st.integers(-20, 60)))
        for place, side in enumerate(sides)
    )


def random_market(seed: int, buyers: int = 6, sellers: int = 12, most_wh: int = 9000) -> Bids:
    """A market of this size: worths of 5 to 30, costs of 1 to 25 ct/kWh."""
    rng = np.random.default_rng(seed)
    rows = [buyer(f"b{n}", int(rng.integers(1, most_wh + 1)), int(rng.integers(500, 3000))) for n in range(buyers)]
    rows += [seller(f"s{n}", int(rng.integers(1, most_wh + 1)), int(rng.integers(100, 2500))) for n in range(sellers)]
    return Bids.of(rows[place] for place in rng.permutation(len(rows)).tolist())


def with_price(bids: Bids, place: int, price_e4: int) -> Bids:
    """The same bids with another price of one."""
    prices = bids.price_e4.copy()
    prices[place] = price_e4
    return Bids(bids.names, bids.buys, bids.quantity_wh, prices, bids.points)


def gain_e7(true: Bids, place: int, clearing: Clearing) -> int:
    """What a clearing is worth to a party by its true bid, in money."""
    worth, amount = int(clearing.quantity_wh[place] * true.price_e4[place]), int(clearing.amount_e7[place])
    return worth - amount if true.buys[place] else amount - worth
