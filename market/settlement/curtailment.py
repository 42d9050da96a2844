"""What a connection is owed for feed-in that its DSO did not let in (pure)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction

from cim.model.arrays import Ints
from market.billing.tariff import DayRates
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


def limited_isps(
    rows: Iterable[tuple[int, int, int]], connection_w: Sequence[int] | Ints, rates: DayRates
) -> list[LimitedIsp]:
    """An account's rows, (ISP from 1, available, given), at the connection's tariff.

    Args:
        connection_w: [T] what its meter showed.
    """
    retail = rates.energy_e4_per_mwh + rates.network_e4_per_mwh + rates.taxes_e4_per_mwh
    return [
        LimitedIsp(
            connection_w=round(connection_w[isp - 1]),
            available_w=min(available_w, 0),
            given_w=min(given_w, 0),
            feed_in_e4_per_mwh=int(rates.feed_in_e4_per_mwh[isp - 1]),
            retail_e4_per_mwh=int(retail[isp - 1]),
        )
        for isp, available_w, given_w in rows
    ]


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
