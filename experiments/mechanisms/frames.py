"""Every mechanism for pandas: a data frame of bids in, a data frame of what each trades and pays out.

Prices are hundredths of the currency unit for each kWh, amounts are in the currency unit; within, everything is counted
in whole numbers (`market.mechanisms.bids`).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import pandas as pd

from cim.model.arrays import Floats
from cim.model.errors import BadInput
from experiments.mechanisms.solver import highs
from market.mechanisms.bids import Bids
from market.mechanisms.mechanism import Clearing, Mechanism, Setting
from market.mechanisms.network import OPEN, NetworkLimits
from market.mechanisms.registry import MECHANISMS, mechanism
from market.negotiation.concession import Side

COLUMNS = ("name", "side", "quantity_wh", "price_ct_per_kwh")
E7 = 1e-7  # currency units in the unit of a clearing's amounts
_E4_PER_CT = 100


@dataclass(frozen=True)
class Trades:
    """What came of a frame of bids.

    Attributes:
        parties: a row for each bid: name, side, quantity_wh, price_ct_per_kwh (NaN where nothing is traded), amount.
        pairs: a row for each trade between two: buyer, seller, quantity_wh, price_ct_per_kwh; empty where only sums are
            settled.
        clearing: the same in whole numbers.
    """

    parties: pd.DataFrame
    pairs: pd.DataFrame
    clearing: Clearing

    @property
    def surplus(self) -> float:
        """What buyers pay less what sellers get, in the currency unit."""
        return self.clearing.surplus_e7 * E7


def bids_of(frame: pd.DataFrame) -> Bids:
    """The bids of a frame with the columns `name`, `side` (buyer or seller), `quantity_wh`, `price_ct_per_kwh`; `point`
    may be there too. Prices are rounded to a hundredth of a ct.

    Raises:
        BadInput: a column is missing, a side is unknown, a value is no number or quantities are not whole.
    """
    for column in COLUMNS:
        if column not in frame.columns:
            raise BadInput(f"bids: column {column!r} is missing; expected {', '.join(COLUMNS)}")
    sides = frame["side"].astype(str)
    unknown = sides[~sides.isin([side.value for side in Side])]
    if len(unknown):
        raise BadInput(f"bids: side {unknown.iloc[0]!r} is unknown; expected buyer or seller")
    quantity, price = _numbers(frame, "quantity_wh"), _numbers(frame, "price_ct_per_kwh")
    if (quantity != np.rint(quantity)).any():
        raise BadInput("bids: quantity_wh is not whole; expected whole watt-hours")
    points = tuple(frame["point"].astype(str)) if "point" in frame.columns else ("",) * len(frame)
    return Bids(
        tuple(frame["name"].astype(str)),
        (sides == Side.BUYER.value).to_numpy(dtype=np.bool_),
        quantity.astype(np.int64),
        np.rint(price * _E4_PER_CT).astype(np.int64),
        points,
    )


def clear(bids: pd.DataFrame, by: str | Mechanism, *, seed: int = 0, limits: NetworkLimits = OPEN) -> Trades:
    """Clear a frame of bids by a mechanism, named or made.

    Args:
        seed: of what is drawn by lot.
        limits: of the grid, for a mechanism that knows them.

    Raises:
        BadInput: bids that do not fit, an unknown mechanism, a place that the limits do not know.
    """
    rule = mechanism(by) if isinstance(by, str) else by
    found = rule.clear(bids_of(bids), Setting(seed, limits, highs))
    return Trades(_parties(found), _pairs(found), found)


def compare(
    bids: pd.DataFrame, by: Iterable[str | Mechanism] = MECHANISMS, *, seed: int = 0, limits: NetworkLimits = OPEN
) -> pd.DataFrame:
    """The same bids by several mechanisms, a row each: traded_wh, gains (if bids are true), paid, received, surplus, messages."""
    rows = []
    for rule in by:
        found = clear(bids, rule, seed=seed, limits=limits).clearing
        name = rule if isinstance(rule, str) else rule.name
        money = (found.gains_e7, found.paid_e7, found.received_e7, found.surplus_e7)
        rows.append((name, found.traded_wh, *(amount * E7 for amount in money), found.messages))
    columns = ["mechanism", "traded_wh", "gains", "paid", "received", "surplus", "messages"]
    return pd.DataFrame(rows, columns=columns).set_index("mechanism")


def _numbers(frame: pd.DataFrame, column: str) -> Floats:
    values = pd.to_numeric(frame[column], errors="coerce").to_numpy(dtype=np.float64)
    if not np.isfinite(values).all():
        place = int(np.flatnonzero(~np.isfinite(values))[0])
        raise BadInput(f"bids: {column} in row {place} is {frame[column].tolist()[place]!r}; expected a number")
    return values


def _parties(found: Clearing) -> pd.DataFrame:
    bids = found.bids
    traded = np.where(found.quantity_wh > 0, found.quantity_wh.astype(np.float64), np.nan)
    return pd.DataFrame(
        {
            "name": bids.names,
            "side": np.where(bids.buys, Side.BUYER.value, Side.SELLER.value),
            "quantity_wh": found.quantity_wh,
            "price_ct_per_kwh": found.amount_e7 / traded / _E4_PER_CT,
            "amount": found.amount_e7 * E7,
        }
    )


def _pairs(found: Clearing) -> pd.DataFrame:
    names = np.array(found.bids.names, dtype=object)
    pairs = found.pairs
    return pd.DataFrame(
        {
            "buyer": names[pairs.buyer],
            "seller": names[pairs.seller],
            "quantity_wh": pairs.quantity_wh,
            "price_ct_per_kwh": pairs.price_e4 / _E4_PER_CT,
        }
    )
