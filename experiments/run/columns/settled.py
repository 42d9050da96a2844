"""Settled flexibility beside what really changed, by kind of element."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

import numpy as np

from cim.platform.publications.settlement import SettlementTold
from experiments.run.columns.column import Column
from experiments.run.columns.lost import accounted_by_unit
from experiments.run.columns.models import SettledAndTrue


def settled_and_true(
    told: Iterable[SettlementTold], buyers: frozenset[str], market: Column, local: Column, hours: float
) -> dict[str, SettledAndTrue]:
    """By kind of unit, for every kind that could be ordered.

    Args:
        told: settlements; those of `buyers` (domains of aggregators) count, whose orders name single elements.
        market, local: the two columns of the same days.
        hours: length of an ISP.
    """
    kinds = market.devices.kinds
    settled: dict[str, float] = defaultdict(float)
    ordered: dict[str, float] = defaultdict(float)
    for settlement in told:
        if settlement.buyer in buyers:
            for order in settlement.orders:
                volume_w = sum(abs(isp.delivered_flex_power_w) * isp.duration for isp in order.isps)
                settled[kinds[order.congestion_point]] += volume_w * hours
                asked_w = sum(abs(isp.ordered_flex_power_w) * isp.duration for isp in order.isps)
                ordered[kinds[order.congestion_point]] += asked_w * hours
    taken_wh = accounted_by_unit(market)  # no order asked for it
    true: dict[str, float] = defaultdict(float)
    more: dict[str, float] = defaultdict(float)
    for name, power_w in market.devices.power_w.items():
        change_w, taken = power_w - local.devices.power_w[name], taken_wh.get(name, 0.0)
        true[kinds[name]] += max(float(np.abs(change_w).sum()) * hours - taken, 0.0)
        more[kinds[name]] += max(float(np.maximum(change_w, 0.0).sum()) * hours - taken, 0.0)
    return {
        kind: SettledAndTrue(
            ordered_wh=round(ordered[kind]),
            settled_wh=round(settled[kind]),
            true_wh=round(true[kind]),
            more_wh=round(more[kind]),
        )
        for kind in sorted(true)
        if kind in settled or true[kind] >= 1
    }
