"""What a mechanism must answer, what it states of itself, and what a clearing is."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import ClassVar, Protocol

import numpy as np

from cim.model.arrays import Ints
from market.mechanisms.bids import Bids
from market.mechanisms.network import OPEN, LinearSolver, NetworkLimits


class Budget(StrEnum):
    """What buyers pay less what sellers get."""

    BALANCED = "balanced"
    SURPLUS = "surplus"
    DEFICIT = "deficit"


class Truthful(StrEnum):
    """Whether nobody gains by another price than its own."""

    YES = "yes"
    UNIT_DEMAND = "unit demand"  # where all bids are of one size
    PRICE_TAKING = "price-taking"  # where nobody counts on moving the price
    COMPLETE_INFORMATION = "limits known"  # nothing is reported: both sides know each other's limits
    NO = "no"


class Efficient(StrEnum):
    """How much of the possible gains is realised."""

    YES = "yes"
    IF_TRUTHFUL = "if truthful"
    LOSES_A_TRADE = "loses a trade"
    HIGH = "high"
    IN_LARGE_MARKETS = "in large markets"
    GREEDY = "greedy"
    NO = "no"


@dataclass(frozen=True, slots=True)
class Properties:
    """What a mechanism is known to do; its tests hold it to that.

    Attributes:
        individually_rational: nobody trades at a price worse than its bid.
        procures: it can serve one buyer of a given need: the DSO may choose it for a day.
        source: where this is from.
    """

    budget: Budget
    truthful: Truthful
    efficient: Efficient
    source: str
    individually_rational: bool = True
    procures: bool = False


@dataclass(frozen=True, slots=True)
class Setting:
    """What a clearing needs beside bids; most mechanisms need none of it.

    Attributes:
        seed: of whatever is drawn by lot.
        limits: of the grid, as data.
        solver: of linear programs; the market has none of its own.
    """

    seed: int = 0
    limits: NetworkLimits = OPEN
    solver: LinearSolver | None = None


PLAIN = Setting()


@dataclass(frozen=True, eq=False)
class Pairs:
    """Who traded with whom, [m]: places of buyer and seller among the bids, watt-hours, and the price of each trade."""

    buyer: Ints
    seller: Ints
    quantity_wh: Ints
    price_e4: Ints

    @staticmethod
    def of(rows: Iterable[tuple[int, int, int, int]]) -> Pairs:
        """From (buyer, seller, watt-hours, price)."""
        table = np.array(list(rows), dtype=np.int64).reshape(-1, 4)
        return Pairs(*(np.ascontiguousarray(table[:, column]) for column in range(4)))

    def __len__(self) -> int:
        return len(self.buyer)


NOBODY = Pairs.of(())


@dataclass(frozen=True, eq=False)
class Clearing:
    """What bids came to.

    Attributes:
        quantity_wh: [n] what each bid trades.
        amount_e7: [n] what a buyer pays and a seller gets for it, 1e-7 of the currency unit.
        messages: between the parties and whoever clears, or among the parties.
        rounds: of asking and answering.
        pairs: who traded with whom, where that is settled; else empty.
    """

    bids: Bids
    quantity_wh: Ints
    amount_e7: Ints
    messages: int
    rounds: int = 1
    pairs: Pairs = field(default_factory=lambda: NOBODY)

    @property
    def traded_wh(self) -> int:
        """What buyers take."""
        return int(self.quantity_wh[self.bids.buys].sum())

    @property
    def paid_e7(self) -> int:
        """What buyers pay."""
        return int(self.amount_e7[self.bids.buys].sum())

    @property
    def received_e7(self) -> int:
        """What sellers get."""
        return int(self.amount_e7[~self.bids.buys].sum())

    @property
    def surplus_e7(self) -> int:
        """What is left with whoever clears; negative where it has to add."""
        return self.paid_e7 - self.received_e7

    @property
    def gains_e7(self) -> int:
        """What the trades are worth to buyers less what they cost sellers, if bids are true."""
        worth = self.quantity_wh * self.bids.price_e4
        return int(worth[self.bids.buys].sum()) - int(worth[~self.bids.buys].sum())


class Mechanism(Protocol):
    """A rule by which bids become trades and payments.

    Attributes:
        name: by which the registry finds it.
        properties: what it states of itself.
    """

    name: ClassVar[str]
    properties: ClassVar[Properties]

    def clear(self, bids: Bids, setting: Setting = PLAIN, /) -> Clearing:
        """Clear all bids at once; the same bids and setting always give the same."""
        ...


def sealed(bids: Bids) -> int:
    """The messages of sealed bids: each bid, and what came of it."""
    return 2 * len(bids)


def at_one_price(bids: Bids, quantity_wh: Ints, price_e4: int, messages: int, rounds: int = 1) -> Clearing:
    """A clearing in which all pay and get the same price."""
    return Clearing(bids, quantity_wh, quantity_wh * price_e4, messages, rounds)


def by_pairs(bids: Bids, pairs: Pairs, messages: int, rounds: int = 1) -> Clearing:
    """A clearing in which every buyer pays its sellers: it balances by itself."""
    quantity, amount = np.zeros(len(bids), dtype=np.int64), np.zeros(len(bids), dtype=np.int64)
    for party in (pairs.buyer, pairs.seller):
        np.add.at(quantity, party, pairs.quantity_wh)
        np.add.at(amount, party, pairs.quantity_wh * pairs.price_e4)
    return Clearing(bids, quantity, amount, messages, rounds, pairs)
