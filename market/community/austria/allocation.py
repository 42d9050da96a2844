"""Who used whose energy in each quarter-hour: the distributor's allocation, static or dynamic, from meter values.

Symbols of the law's practice: consumers i, producers j, interval t, factors PF.

    C'_i = PF_i C_i     E'_j = PF_j E_j     E = sum_j E'_j     W = sum_i C'_i
    static : G02_i = share_i E                G03_i = min(G02_i, C'_i)        nothing is given on
    dynamic: G02_i = G03_i = C'_i min(E, W) / W
    used of producer j = E'_j (sum_i G03_i) / E      P01T_j = E'_j - used_j

THE rounding rule: kilowatt-hours with three decimals, that is whole watt-hours; C', E', G02 and G03 are rounded down, so what
rounding leaves over stays surplus; the used energy is divided among producers by largest remainders, so that
sum_j used_j = sum_i G03_i exactly. The distributors' own rule was not seen.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from cim.model.arrays import Ints
from cim.model.errors import BadInput
from market.community.exact import MILLION, checked_energies, divided

_WHOLE_PCT = 100


class Key(StrEnum):
    """By which key a community shares; one each, told to the distributor beforehand."""

    STATIC = "static"
    DYNAMIC = "dynamic"


@dataclass(frozen=True, eq=False)
class Measured:
    """What the meters of a community's points showed, interval by interval; quality 1 (L1 measured), 2 or 3 (substitute, missing).

    Attributes:
        consumed_wh, consumed_quality: [T, n] of n consumption points.
        produced_wh, produced_quality: [T, m] of m feed-in points.
    """

    consumed_wh: Ints
    produced_wh: Ints
    consumed_quality: Ints
    produced_quality: Ints

    def __post_init__(self) -> None:
        rows = {len(self.consumed_wh), len(self.produced_wh)}
        if len(rows) != 1 or self.consumed_wh.ndim != 2 or self.produced_wh.ndim != 2:
            raise BadInput(f"meter values: {sorted(rows)} intervals; expected as many of consumption as of feed-in")
        for name, energies, quality in (
            ("consumed_wh", self.consumed_wh, self.consumed_quality),
            ("produced_wh", self.produced_wh, self.produced_quality),
        ):
            checked_energies(name, energies)
            if quality.shape != energies.shape or (quality.size and not set(np.unique(quality)) <= {1, 2, 3}):
                raise BadInput(f"quality of {name}: expected 1, 2 or 3 for each of its {energies.size} values")
            if np.any((quality == 3) & (energies != 0)):
                raise BadInput(f"{name}: a missing value (L3) that is not 0; expected 0")


def measured(consumed_wh: Ints, produced_wh: Ints) -> Measured:
    """Meter values all of which were really measured (L1)."""
    consumed, produced = np.asarray(consumed_wh, dtype=np.int64), np.asarray(produced_wh, dtype=np.int64)
    return Measured(consumed, produced, np.ones_like(consumed), np.ones_like(produced))


@dataclass(frozen=True, eq=False)
class Allocation:
    """The registers of every interval, whole watt-hours; consumers [T, n], producers [T, m].

    Attributes:
        consumed_wh: G.01 of consumption, as measured; `taking_part_wh`: G.01T, after the factor.
        share_wh: G.02, what would be the consumer's; own_cover_wh: G.03, what it used of it.
        produced_wh: G.01 of feed-in; `fed_part_wh`: G.01T.
        surplus_wh: P.01T, what of that nobody in the community used.
        quality: [T] the worst of all values that went into an interval.
        version: [T] 1, and one more with each correction of the interval.
    """

    consumed_wh: Ints
    taking_part_wh: Ints
    share_wh: Ints
    own_cover_wh: Ints
    produced_wh: Ints
    fed_part_wh: Ints
    surplus_wh: Ints
    quality: Ints
    version: Ints

    @property
    def used_wh(self) -> Ints:
        """[T, m] what the community used of each producer; by interval the sum of all own cover."""
        return self.fed_part_wh - self.surplus_wh

    @property
    def from_supplier_wh(self) -> Ints:
        """[T, n] what each consumer's supplier delivers, where the point is in no other community."""
        return self.consumed_wh - self.own_cover_wh


def allocate(
    key: Key,
    values: Measured,
    consumer_pct: Ints,
    producer_pct: Ints,
    shares_e6: Ints | None = None,
) -> Allocation:
    """Every interval shared by the key, from its own values alone.

    Args:
        consumer_pct, producer_pct: [T, n] and [T, m] factors, 0 where a point takes no part.
        shares_e6: static key: [n] millionths that sum to a million.

    Raises:
        BadInput: shapes that do not fit, or shares missing, not whole or given to a dynamic key.
    """
    _check_factors("consumer_pct", consumer_pct, values.consumed_wh)
    _check_factors("producer_pct", producer_pct, values.produced_wh)
    taking_part, fed_part = (
        values.consumed_wh * consumer_pct // _WHOLE_PCT,
        values.produced_wh * producer_pct // _WHOLE_PCT,
    )
    there, wanted = fed_part.sum(axis=1), taking_part.sum(axis=1)
    checked_energies("energy of all producers", there)
    checked_energies("consumption of all consumers", wanted)
    if key is Key.STATIC:
        share = there[:, None] * _checked_shares(shares_e6, taking_part.shape[1])[None, :] // MILLION
        own = np.minimum(share, taking_part)
    elif shares_e6 is not None:
        raise BadInput("shares: given; expected none, since a dynamic key goes by consumption")
    else:
        own = taking_part * np.minimum(there, wanted)[:, None] // np.maximum(wanted, 1)[:, None]
        share = own
    used = divided(own.sum(axis=1), fed_part)
    count = len(there)
    return Allocation(
        consumed_wh=values.consumed_wh,
        taking_part_wh=taking_part,
        share_wh=share,
        own_cover_wh=own,
        produced_wh=values.produced_wh,
        fed_part_wh=fed_part,
        surplus_wh=fed_part - used,
        quality=_worst(values, consumer_pct, producer_pct),
        version=np.ones(count, dtype=np.int64),
    )


def corrected(before: Allocation, after: Allocation) -> Allocation:
    """A later allocation of the same intervals as the next version of an earlier one.

    An interval in which any value, factor or share differs is a new version as a whole, for all members; the others stay as
    they are, their version too.
    """
    if before.own_cover_wh.shape != after.own_cover_wh.shape or before.fed_part_wh.shape != after.fed_part_wh.shape:
        raise BadInput("correction: of other intervals or members; expected those of the allocation that it corrects")
    pairs = (
        (before.consumed_wh, after.consumed_wh),
        (before.taking_part_wh, after.taking_part_wh),
        (before.share_wh, after.share_wh),
        (before.produced_wh, after.produced_wh),
        (before.fed_part_wh, after.fed_part_wh),
    )
    changed = np.any([np.any(old != new, axis=1) for old, new in pairs], axis=0) | (before.quality != after.quality)
    return Allocation(
        after.consumed_wh,
        after.taking_part_wh,
        after.share_wh,
        after.own_cover_wh,
        after.produced_wh,
        after.fed_part_wh,
        after.surplus_wh,
        after.quality,
        before.version + changed,
    )


def _check_factors(name: str, factors_pct: Ints, energies: Ints) -> None:
    if factors_pct.shape != energies.shape:
        raise BadInput(f"{name}: shape {factors_pct.shape}; expected {energies.shape}, one for each value")
    if factors_pct.size and (factors_pct.min() < 0 or factors_pct.max() > _WHOLE_PCT):
        raise BadInput(f"{name}: {factors_pct.min()} to {factors_pct.max()}; expected whole percentages, 0 to 100")


def _checked_shares(shares_e6: Ints | None, count: int) -> Ints:
    shares = np.zeros(0, dtype=np.int64) if shares_e6 is None else np.asarray(shares_e6, dtype=np.int64)
    if shares.shape != (count,) or (count and shares.min() < 0) or int(shares.sum()) != MILLION:
        said = "none" if shares_e6 is None else f"{len(shares)} that sum to {int(shares.sum())} millionths"
        raise BadInput(f"shares: {said}; expected {count}, none below 0, that sum to {MILLION}")
    return shares


def _worst(values: Measured, consumer_pct: Ints, producer_pct: Ints) -> Ints:
    """[T] the worst quality among the points that take part."""
    there = (
        np.where(consumer_pct > 0, values.consumed_quality, 1),
        np.where(producer_pct > 0, values.produced_quality, 1),
    )
    return np.asarray(np.concatenate(there, axis=1).max(axis=1, initial=1), dtype=np.int64)
