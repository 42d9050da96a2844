"""Meters and orders as arrays: one row a party, one column an ISP of consecutive local days."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from cim.model.arrays import Ints
from cim.model.errors import BadInput
from cim.model.intervals import LocalDay

Ints32 = NDArray[np.int32]
Flags = NDArray[np.bool_]


@dataclass(frozen=True)
class Days:
    """Consecutive local days of one time zone and ISP length; their ISPs are numbered from 0 across all of them."""

    days: tuple[LocalDay, ...]

    def __post_init__(self) -> None:
        for before, after in zip(self.days, self.days[1:], strict=False):
            if before.next() != after:
                raise BadInput(f"days: {after.day} follows {before.day}; expected consecutive days of one time zone")

    @cached_property
    def offsets(self) -> Ints:
        """[D + 1] where each day's ISPs begin, and the number of all."""
        return np.concatenate(([0], np.cumsum([day.count for day in self.days]))).astype(np.int64)

    @property
    def count(self) -> int:
        """All ISPs."""
        return int(self.offsets[-1])

    @cached_property
    def day_of(self) -> Ints:
        """[ISPs] the day that each lies on."""
        return np.repeat(np.arange(len(self.days), dtype=np.int64), np.diff(self.offsets))

    @property
    def isp_minutes(self) -> int:
        """The length of an ISP."""
        return self.days[0].isp_minutes

    def slice_of(self, day: int) -> slice:
        """The columns of a day."""
        return slice(int(self.offsets[day]), int(self.offsets[day + 1]))


@dataclass(frozen=True)
class MeterTable:
    """What the meters of many parties measured.

    Attributes:
        days: the columns.
        power_w: [N, ISPs] mean watts, + = consumption.
        known: [N, ISPs] whether an ISP was metered; None: all were.
    """

    days: Days
    power_w: Ints32
    known: Flags | None = None

    def __post_init__(self) -> None:
        if self.power_w.ndim != 2 or self.power_w.shape[1] != self.days.count:
            raise BadInput(f"power_w: shape {self.power_w.shape}; expected a column for each of {self.days.count} ISPs")
        if self.known is not None and self.known.shape != self.power_w.shape:
            raise BadInput(f"known: shape {self.known.shape}; expected that of power_w, {self.power_w.shape}")

    def part(self, rows: slice) -> MeterTable:
        """The same of some parties, without copying."""
        return MeterTable(self.days, self.power_w[rows], None if self.known is None else self.known[rows])


@dataclass(frozen=True)
class OrderTable:
    """Orders of many parties: one row for each order and ISP, sorted by party, ISP and the order in which they were made.

    Attributes:
        party, isp, order: [R] whose row it is, which column, and which order; orders are numbered as they were made.
        ordered_w: [R] the change ordered, watts.
        price_e4: [K] by order, for all its ISPs together.
        contract: [K] by order, which of the settlement's contracts it was made under.
    """

    party: Ints
    isp: Ints
    order: Ints
    ordered_w: Ints
    price_e4: Ints
    contract: Ints

    def __post_init__(self) -> None:
        if len(self.party) > 1:
            keys = (self.party, self.isp, self.order)
            above = np.zeros(len(self.party) - 1, dtype=bool)
            same = np.ones(len(self.party) - 1, dtype=bool)
            for key in keys:
                step = np.diff(key)
                above |= same & (step > 0)
                same &= step == 0
            if not above.all():
                row = int(np.argmin(above)) + 1
                raise BadInput(
                    f"orders row {row}: party {self.party[row]}, ISP {self.isp[row]} is out of order, or twice"
                )
        if len(self.price_e4) != len(self.contract):
            raise BadInput(f"price_e4: {len(self.price_e4)} orders; expected those of contract, {len(self.contract)}")

    def of_parties(self, first: int, last: int) -> OrderTable:
        """The rows of parties `first` to `last` (excluded), which are then numbered from 0; orders keep their numbers."""
        a, b = np.searchsorted(self.party, (first, last))
        rows = slice(int(a), int(b))
        return OrderTable(
            self.party[rows] - first,
            self.isp[rows],
            self.order[rows],
            self.ordered_w[rows],
            self.price_e4,
            self.contract,
        )


@dataclass(frozen=True)
class ContractTerms:
    """What of contracts counts when many orders are settled.

    Attributes:
        penalty_e4_per_kwh: [C] for energy ordered and not delivered.
        capped: [C] whether an ISP never counts more as missing than was ordered in it.
    """

    penalty_e4_per_kwh: Ints
    capped: Flags


def order_table(
    rows: Sequence[tuple[int, int, int, int]], prices_e4: Sequence[int], contracts: Sequence[int]
) -> OrderTable:
    """A table from (party, ISP, order, watts) in any order."""
    columns = np.array(sorted(rows), dtype=np.int64).reshape(-1, 4)
    party, isp, order, watts = (np.ascontiguousarray(columns[:, k]) for k in range(4))
    return OrderTable(
        party, isp, order, watts, np.array(prices_e4, dtype=np.int64), np.array(contracts, dtype=np.int64)
    )
