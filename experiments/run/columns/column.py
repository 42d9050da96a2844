"""What a column of the comparison left behind, whoever steered the devices."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum

import numpy as np

from agents.assembly.grid_of_site import usage_point
from cim.model.arrays import Floats
from cim.platform.publications.balancing import BalancingCleared
from cim.platform.publications.grid import ExchangeForecast, FeedInAccounted, FeedInLimited
from cim.platform.publications.settlement import PaymentRow, PaymentsMade, SettlementTold, last_revisions
from cim.platform.store import values
from environment.physics.device_truth import DeviceTruth
from experiments.run.columns.peak import peak_loading_pct
from experiments.run.columns.sold_balancing import SoldBalancing, sold_balancing
from experiments.run.grid import ByKind, Truth
from experiments.run.run import RunResult
from market.settlement.payments import Payment


class ColumnName(StrEnum):
    """The columns in the order in which they are shown; all but the last are ways to steer (`market.rules.Control`)."""

    IDLE = "idle"
    LOCAL = "local"
    CURTAILMENT = "curtailment"
    MARKET = "market"
    FORESIGHT = "foresight"


@dataclass(frozen=True)
class Column:
    """One column.

    Attributes:
        truth: prosumer -> (active, reactive power) of each ISP, whole watts and vars, as it really was.
        by_kind: kind of unit -> mean watts of each ISP.
        devices: what every unit did.
        payments: who paid whom; empty where nobody trades.
        limited: (prosumer, index of the ISP from 0) in which the DSO limited its plants' feed-in.
        accounted_wh: prosumer -> what the DSO accounted as taken by its own right (`FeedInAccounted`), orders' part left out.
        delivered_w: unit -> what its aggregator settled as delivered in each ISP, + = more consumption or less generation.
        peak_loading_pct: the highest over a control interval at a congestion point's meter; None where readings were not kept.
        expected: what the site was expected to draw, as it was told; empty where nobody forecasts.
        balancing: what it sold to the TSO; None where there is none.
    """

    truth: Truth
    by_kind: ByKind
    devices: DeviceTruth
    payments: tuple[Payment, ...] = ()
    limited: frozenset[tuple[str, int]] = frozenset()
    accounted_wh: dict[str, int] = field(default_factory=dict)
    delivered_w: dict[str, Floats] = field(default_factory=dict)
    peak_loading_pct: float | None = None
    expected: tuple[ExchangeForecast, ...] = ()
    balancing: SoldBalancing | None = None


def column_of(result: RunResult) -> Column:
    """The column of a run with agents."""
    payments = tuple(payment_of(row) for made in values(result.store, PaymentsMade) for row in made.payments)
    taken, delivered_w = accounted_wh(result), delivered_of_units(result)
    peak = peak_loading_pct(result.site, result.store, result.start, result.end)
    limited = limited_isps(result)
    expected = tuple(values(result.store, ExchangeForecast))
    sold = sold_balancing(
        result.site,
        result.site_agents.rules.periods,
        values(result.store, BalancingCleared),
        values(result.store, SettlementTold),
    )
    return Column(
        result.truth, result.by_kind, result.devices, payments, limited, taken, delivered_w, peak, expected, sold
    )


def _offsets(result: RunResult) -> dict[date, int]:
    """Day -> index of its first ISP."""
    first, offsets = 0, dict[date, int]()
    for day in result.site_agents.rules.periods:
        offsets[day.day] = first
        first += day.count
    return offsets


def accounted_wh(result: RunResult) -> dict[str, int]:
    """What the DSO accounted as taken by its own right, by prosumer, over all days."""
    owners, found = _owners(result), dict[str, int]()
    for told in values(result.store, FeedInAccounted):
        found[owners[told.usage_point]] = found.get(owners[told.usage_point], 0) + told.curtailed_wh
    return found


def _owners(result: RunResult) -> dict[str, str]:
    """Usage point -> prosumer."""
    return {usage_point(result.site, prosumer.name): prosumer.name for prosumer in result.site.prosumers}


def delivered_of_units(result: RunResult) -> dict[str, Floats]:
    """What aggregators settled as delivered, unit by unit, mean watts; orders of an ISP added up."""
    offsets, buyers = _offsets(result), {party.domain for party in result.site.aggregators}
    count = sum(day.count for day in result.site_agents.rules.periods)
    found: dict[str, Floats] = {}
    for told in last_revisions(values(result.store, SettlementTold)):
        for order in told.orders if told.buyer in buyers else ():
            row = found.setdefault(order.congestion_point, np.zeros(count))
            for isp in order.isps if order.period in offsets else ():
                first = offsets[order.period] + isp.start - 1
                row[first : first + isp.duration] += isp.delivered_flex_power_w
    return found


def limited_isps(result: RunResult) -> frozenset[tuple[str, int]]:
    """Where the DSO used its right: each ISP in which a limit was in force for some time."""
    owners, offsets = _owners(result), _offsets(result)
    return frozenset(
        (owners[told.usage_point], offsets[told.period] + told.isp - 1)
        for told in values(result.store, FeedInLimited)
        if told.limit_w is not None and told.period in offsets
    )


def payment_of(row: PaymentRow) -> Payment:
    """A published payment as the market's value."""
    return Payment(row.payer, row.payee, row.amount_e4, row.reason, row.reference, row.currency)
