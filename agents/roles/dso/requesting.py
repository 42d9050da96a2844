"""From a safety analysis to what is asked for, ISP by ISP."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from agents.planning.grid_safety.assessment import Assessment
from cim.model.arrays import Floats
from market.uftp import Disposition, RequestIsp

GRAIN_W = 100  # needs are rounded up to this


def needed_w(
    assessment: Assessment, first: int, last: int, *, minimum_w: int = 0, minimum_wh: int = 0, hours: float = 0.25
) -> Floats:
    """[T] W needed on the ISPs `first` to `last` (1-based, both included), rounded up to the grain; 0 elsewhere.

    A run of ISPs with a need that is nowhere above `minimum_w`, or below `minimum_wh` in all, is not worth an order.
    """
    isps = np.arange(1, len(assessment.need_w) + 1)
    need_w = np.where((isps >= first) & (isps <= last), assessment.need_w, 0.0)
    signs = np.sign(need_w)
    starts = np.flatnonzero(np.diff(signs, prepend=0.0)).tolist()
    for start, end in pairwise([*starts, len(need_w)]):
        run = np.abs(need_w[start:end])
        if run.max() < minimum_w or run.sum() * hours < minimum_wh:
            need_w[start:end] = 0.0
    rounded: Floats = np.sign(need_w) * np.ceil(np.abs(need_w) / GRAIN_W) * GRAIN_W
    return rounded


def request_isps(assessment: Assessment, share: float, first: int) -> tuple[RequestIsp, ...]:
    """The rows of a FlexRequest from ISP `first` on: the whole need, and a share of the room that is left elsewhere."""
    rows = []
    for isp in range(first, len(assessment.need_w) + 1):
        need_w = int(assessment.need_w[isp - 1])
        up_w = int(assessment.room_up_w[isp - 1] * share)
        down_w = -int(-assessment.room_down_w[isp - 1] * share)
        if need_w > 0:
            rows.append(RequestIsp(isp, Disposition.REQUESTED, need_w, max(need_w, up_w)))
        elif need_w < 0:
            rows.append(RequestIsp(isp, Disposition.REQUESTED, min(need_w, down_w), need_w))
        else:
            rows.append(RequestIsp(isp, Disposition.AVAILABLE, down_w, up_w))
    return tuple(rows)
