"""How what is asked of the microgrid falls on its members: the cheapest way, within every member's bands.

In one direction it is a flow from intervals to bands, so the linear programme has a solution in whole watts, which the
simplex finds.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from agents.planning.instance.bands import BothWays, FlexBand
from cim.codec.codec import wire

_MISSING_E4 = 1e9  # what a kWh that nobody gives counts: above every price


@wire("plan.InstanceSplit")
@dataclass(frozen=True, slots=True)
class InstanceSplit:
    """Who gives what.

    Attributes:
        shares_w: by member, interval (from 1) -> watts, + = more consumption.
        missing_w: interval -> watts that nobody can give; empty: all of it is given.
        cost_e4: what is paid for it by the bands' prices, ten-thousandths of the currency unit.
    """

    shares_w: dict[str, dict[int, int]]
    missing_w: dict[int, int]
    cost_e4: int


def split(members: Mapping[str, BothWays], asked_w: Mapping[int, int], hours: float) -> InstanceSplit:
    """Give as much as can be given of what is asked, and that as cheaply as can be.

    Args:
        members: by name, in whose order ties are decided.
        asked_w: interval (from 1) -> watts off what is expected, + = more consumption; 0: as expected, so nothing comes back in it.
        hours: length of an interval.
    """
    shares: dict[str, dict[int, int]] = {name: {} for name in members}
    missing: dict[int, int] = {}
    cost = 0.0
    for sign in (1, -1):
        wanted = {isp: sign * watts for isp, watts in sorted(asked_w.items()) if sign * watts > 0}
        if not wanted:
            continue
        owners = [(name, band) for name, both in members.items() for band in (both.up if sign > 0 else both.down)]
        given, left = _one_way([band for _, band in owners], wanted, sorted(asked_w), hours)
        for (name, band), row in zip(owners, given, strict=True):
            cost += band.price_e4_per_kwh * sum(row) * hours / 1000
            for isp, watts in zip(wanted, row, strict=True):
                if watts:
                    shares[name][isp] = shares[name].get(isp, 0) + sign * watts
        missing |= {isp: sign * watts for isp, watts in zip(wanted, left, strict=True) if watts}
    return InstanceSplit(shares, missing, round(cost))


def _one_way(
    bands: Sequence[FlexBand], wanted: Mapping[int, int], asked: Sequence[int], hours: float
) -> tuple[list[tuple[int, ...]], tuple[int, ...]]:
    """Of each band its watts in the wanted intervals, and what nobody gives; its room counts in all that are asked for."""
    from scipy.optimize import linprog  # a solver: it is loaded where jobs run, not in every actor
    from scipy.sparse import coo_array

    isps, width = list(wanted), len(wanted)
    most = [band.power_w[isp - 1] for band in bands for isp in isps] + list(wanted.values())
    prices = [float(band.price_e4_per_kwh) for band in bands for _ in isps] + [_MISSING_E4] * width
    columns = len(most)
    balance = coo_array(
        (np.ones(columns), (np.tile(np.arange(width), len(bands) + 1), np.arange(columns))), shape=(width, columns)
    )
    rows, cols, rooms = list[int](), list[int](), list[int]()
    for number, band in enumerate(bands):
        for isp in asked if band.room_wh else ():
            so_far = sum(one <= isp for one in isps)
            cols += range(number * width, number * width + so_far)
            rows += [len(rooms)] * so_far
            rooms.append(int(band.room_wh[isp - 1] / hours))
    within = coo_array((np.ones(len(cols)), (rows, cols)), shape=(len(rooms), columns)) if rooms else None
    found = linprog(
        prices,
        A_ub=within,
        b_ub=rooms or None,
        A_eq=balance,
        b_eq=list(wanted.values()),
        bounds=np.array([np.zeros(columns), most]).T,
        method="highs-ds",
    )
    whole = np.rint(found.x).astype(np.int64).reshape(len(bands) + 1, width)
    return [tuple(row.tolist()) for row in whole[:-1]], tuple(whole[-1].tolist())
