"""What a column comes down to, in the figures of the summary."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np

from agents.assembly.tariffs_of_site import tariff_of
from cim.model.arrays import Floats
from cim.model.intervals import LocalDay
from environment.physics import UnitKind
from environment.sites.schema import Site
from experiments.run.columns.column import Column
from experiments.run.columns.lost import held_back, lost_w
from experiments.run.columns.models import ColumnFigures
from experiments.run.grid import GridRecord
from market.billing.bill import Bill, BillKind

_ENERGY = (BillKind.ENERGY, BillKind.NETWORK, BillKind.TAXES, BillKind.FEED_IN)
_GENERATORS = (UnitKind.PV.value, UnitKind.WIND.value, UnitKind.CHP.value)


def figures_of(
    site: Site, column: Column, grid: GridRecord, bills: Iterable[Bill], days: Sequence[LocalDay], local: Column
) -> ColumnFigures:
    """The figures of a column from its truth, its payments, the power flow on its truth, and all prosumers' bills.

    Args:
        days: whose tariffs say what stored and lost energy is worth.
        local: the column `local` of the same days.
    """
    hours = site.isp_minutes / 60
    net = np.array([active for active, _ in column.truth.values()], dtype=np.float64)
    imported, exported = (float(np.maximum(side, 0).sum()) * hours for side in (net, -net))
    made = -sum(float(column.by_kind[kind].sum()) for kind in _GENERATORS if kind in column.by_kind) * hours
    factor, of_all = site.grid_g_per_kwh, tuple(bills)
    batteries = _batteries(site, column, hours)
    wear_e4 = sum(battery.through_wh for battery in batteries) / 10 * site.flexibility_costs.wear_ct_per_kwh.value
    stored_e4 = sum(battery.stored_wh / 10 * _feed_in_ct(site, battery.owner, days) for battery in batteries)
    warmth = column.devices.warmth_saves_wh
    warmth_e4 = sum(saved_wh / 10 * _retail_ct(site, name.partition(".")[0], days) for name, saved_wh in warmth.items())
    lost, left = lost_w(column), held_back(column, _feed_in_of_units(site, column, days), hours)
    return ColumnFigures(
        violations=len(grid.violations),
        over_limit_wh=round(grid.over_limit_wh),
        over_limit_at_points_wh=round(grid.over_limit_at_points_wh),
        max_loading_pct=grid.figures["max_loading_pct"],
        peak_loading_pct=column.peak_loading_pct,
        dso_cost=paid_by(column, site.dso.domain),
        bills_sum=sum(bill.total_e4 for bill in of_all),
        welfare=round(stored_e4 + warmth_e4 - energy_e4(of_all) - wear_e4),
        stored_change_wh=round(sum(battery.stored_wh for battery in batteries)),
        warmth_saves_wh=round(sum(warmth.values())),
        curtailed_wh=sum(column.accounted_wh.values()),
        generation_lost_wh=round(sum(float(row.sum()) for row in lost.values()) * hours),
        held_back_wh=round(left.energy_wh),
        held_back_worth=round(left.worth_e4),
        chp_not_made_wh=round((_chp_w(column) - _chp_w(local)) * hours),
        unserved_ev_wh=round(column.devices.unserved_ev_wh),
        comfort_kh=round(column.devices.discomfort_kh, 2),
        import_wh=round(imported),
        export_wh=round(exported),
        self_consumed_pct=round(100 * max(1 - exported / made, 0.0), 2) if made else 0.0,
        co2_kg=None if factor is None else round(imported / 1000 * factor.value / 1000, 1),
    )


def energy_e4(bills: Iterable[Bill]) -> int:
    """What energy costs by tariff, less what it earns; payments of the market are left out."""
    return sum(bill.amount_e4(kind) for bill in bills for kind in _ENERGY)


class _Battery(NamedTuple):
    """What went through a battery (half of in and out), and by how much its content rose."""

    owner: str
    through_wh: float
    stored_wh: float


def _batteries(site: Site, column: Column, hours: float) -> list[_Battery]:
    efficiency = site.batteries.one_way_efficiency.value
    found = []
    for name, row in column.devices.power_w.items():
        if column.devices.kinds[name] == UnitKind.BATTERY:
            taken, given = (float(np.maximum(sign * row, 0).sum()) * hours for sign in (1, -1))
            rise = taken * efficiency - given / efficiency
            found.append(_Battery(name.partition(".")[0], (taken + given) / 2, rise))
    return found


def _feed_in_ct(site: Site, prosumer: str, days: Sequence[LocalDay]) -> float:
    """What a kilowatt-hour that a battery still holds would bring at least: the mean feed-in of its owner's days, less loss."""
    tariff = tariff_of(site, prosumer)
    mean = np.mean(np.concatenate([tariff.rates(day).feed_in_ct_per_kwh for day in days]))
    return float(mean) * site.batteries.one_way_efficiency.value


def _retail_ct(site: Site, prosumer: str, days: Sequence[LocalDay]) -> float:
    """What a kilowatt-hour less of heating saves its owner on another day: the mean of its days' prices from the grid."""
    tariff = tariff_of(site, prosumer)
    return float(np.mean(np.concatenate([tariff.rates(day).retail_ct_per_kwh for day in days])))


def _feed_in_of_units(site: Site, column: Column, days: Sequence[LocalDay]) -> dict[str, Floats]:
    """What each plant of sun or wind earns for a kilowatt-hour in every ISP, ct."""
    found = {}
    for name in column.devices.available_w:
        tariff = tariff_of(site, name.partition(".")[0])
        found[name] = np.concatenate([tariff.rates(day).feed_in_ct_per_kwh for day in days])
    return found


def _chp_w(column: Column) -> float:
    """The power of all CHP plants added up over all ISPs; generation is negative."""
    return float(column.by_kind.get(UnitKind.CHP.value, np.zeros(1)).sum())


def paid_by(column: Column, domain: str) -> int:
    """What a party paid less what it was paid, ten-thousandths of the currency unit."""
    spent = sum(payment.amount for payment in column.payments if payment.payer == domain)
    return spent - sum(payment.amount for payment in column.payments if payment.payee == domain)
