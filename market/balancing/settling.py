"""What balancing energy of a day earns and owes: metered at one meter against what was nominated, by UFTP's sums."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from market.contracts.contract import FlexContract
from market.settlement.day import settle
from market.uftp import FlexOrder, FlexOrderSettlement


def settle_balancing(
    orders: Sequence[FlexOrder],
    nominated_w: Mapping[int, int],
    metered_w: Mapping[int, int],
    contract: FlexContract,
    count: int,
) -> tuple[FlexOrderSettlement, ...]:
    """All calls of a day; one of a quarter-hour that was not metered is neither paid nor fined, and left out.

    Args:
        nominated_w, metered_w: ISP (from 1) -> watts.
        count: ISPs of the day.
    """
    lost = [isp for isp in range(1, count + 1) if isp not in metered_w]
    actual_w = [metered_w.get(isp, 0) for isp in range(1, count + 1)]
    return settle(orders, nominated_w, actual_w, (contract,), lost)
