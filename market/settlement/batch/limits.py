"""`market.contracts.activations` for many parties at once: which rows of an order table a contract does not allow."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from cim.model.arrays import Ints
from market.contracts.activations import Activations
from market.contracts.contract import CountedPer, FlexContract
from market.settlement.batch.tables import Days, Flags, OrderTable


@dataclass(frozen=True)
class BeyondLimits:
    """[R] rows of an order table that break a limit of their party's contract."""

    outside: Flags  # its days and hours
    too_long: Flags  # in an activation that runs longer than allowed
    too_close: Flags  # in one that begins before the recovery is over
    too_often: Flags  # in one more than may be

    @property
    def any(self) -> Flags:
        """[R] rows that break one."""
        return self.outside | self.too_long | self.too_close | self.too_often


def beyond_limits(orders: OrderTable, days: Days, contracts: Sequence[FlexContract], of_party: Ints) -> BeyondLimits:
    """Which rows break a limit.

    Args:
        contracts: those of the parties.
        of_party: [N] which of them is whose.
    """
    party, isp = orders.party, orders.isp
    mine = of_party[party]
    covered = np.array([_covered(contract, days) for contract in contracts])
    longest, rest, often = (
        np.array([getattr(c, name) for c in contracts], dtype=np.int64)
        for name in ("max_runtime_isps", "recovery_isps", "max_activations")
    )
    daily = np.array([c.counted_per is CountedPer.DAY for c in contracts])
    # One row for each active party and ISP; orders that stack are one activation.
    active, back = np.unique(party * days.count + isp, return_inverse=True)
    who, when = active // days.count, active % days.count
    begins = (
        np.concatenate(([True], (np.diff(active) != 1) | (np.diff(who) != 0))) if len(active) else np.zeros(0, bool)
    )
    run = np.cumsum(begins) - 1
    first = np.flatnonzero(begins)
    length = np.diff(np.append(first, len(active)))
    run_party, run_start = who[first], when[first]
    of_run = of_party[run_party]
    same = np.concatenate(([False], run_party[1:] == run_party[:-1])) if len(first) else np.zeros(0, bool)
    ended = np.concatenate(([0], (run_start + length)[:-1])) if len(first) else np.zeros(0, np.int64)
    close = same & (run_start - ended < rest[of_run])
    counted = run_party * (len(days.days) + 1) + np.where(daily[of_run], days.day_of[run_start], len(days.days))
    number = _number_within(counted)
    flags = (length > longest[of_run], close, number >= often[of_run])
    too_long, too_close, too_often = (flag[run][back] for flag in flags)
    return BeyondLimits(~covered[mine, isp], too_long, too_close, too_often)


def _covered(contract: FlexContract, days: Days) -> Flags:
    """[ISPs] whether a contract's days and hours cover each."""
    covered = np.zeros(days.count, dtype=bool)
    for number, day in enumerate(days.days):
        isps = np.array(sorted(Activations(contract).isps_on(day)), dtype=np.int64)
        covered[days.offsets[number] + isps - 1] = True
    return covered


def _number_within(keys: Ints) -> Ints:
    """[n] how many equal keys stand before each; equal keys stand in the order of time."""
    order = np.argsort(keys, kind="stable")
    ranked = keys[order]
    first = np.concatenate(([True], np.diff(ranked) != 0)) if len(keys) else np.zeros(0, bool)
    starts = np.flatnonzero(first)
    number = np.arange(len(keys)) - np.repeat(starts, np.diff(np.append(starts, len(keys))))
    found = np.empty(len(keys), dtype=np.int64)
    found[order] = number
    return found
