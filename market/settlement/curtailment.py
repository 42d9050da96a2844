"""What a connection is owed for feed-in that its DSO did not let in (pure)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction

from market.settlement.orders import rounded


@dataclass(frozen=True, slots=True)
class LimitedIsp:
    """An ISP in which a connection's plants were limited, mean watts by the one sign rule.

    Attributes:
        connection_w: what the connection's meter showed.
        available_w, given_w: what the plants could have given, and gave (<= 0).
        feed_in_e4_per_mwh: what fed-in energy earns.
        retail_e4_per_mwh: what energy costs that the connection draws.
    """

    connection_w: int
    available_w: int
    given_w: int
    feed_in_e4_per_mwh: int
    retail_e4_per_mwh: int


@dataclass(frozen=True, slots=True)
class Compensation:
    """What limits took, watt-hours, and what is owed for it, ten-thousandths of the currency unit."""

    curtailed_wh: Fraction
    lost_own_use_wh: Fraction
    amount_e4: int


def compensation(isps: Iterable[LimitedIsp], hours: Fraction) -> Compensation:
    """What was available and not given: at its price where it would have been sold, and where it would have been used.

    Args:
        hours: length of an ISP.
    """
    curtailed, own_use, amount = 0, 0, 0
    for isp in isps:
        lost_w = max(isp.given_w - isp.available_w, 0)
        own_w = min(max(isp.connection_w, 0), lost_w)
        curtailed += lost_w
        own_use += own_w
        amount += (lost_w - own_w) * isp.feed_in_e4_per_mwh + own_w * isp.retail_e4_per_mwh
    return Compensation(curtailed * hours, own_use * hours, rounded(amount * hours / 1_000_000))
