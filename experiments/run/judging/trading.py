"""What a column's energy costs a balance group that buys day-ahead, corrects intraday and is charged for its imbalance.

The whole site is one group. It buys day-ahead what it expects by the gate, trades each change of what it expects until shortly
before the ISP, and pays imbalance for the rest (`wholesale` in the site file). Taxes, grid fees and flexibility payments are
no part of it.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

import numpy as np

from agents.assembly.tariffs_of_site import hourly_prices
from cim.model.arrays import Floats
from cim.model.errors import BadInput
from cim.model.intervals import LocalDay
from environment.physics import UnitKind
from environment.profiles.history import History
from environment.profiles.library import load
from environment.sites.devices import BatteryUnit
from environment.sites.schema import Site
from environment.sites.wholesale import Wholesale
from experiments.run.columns.column import Column, ColumnName
from experiments.run.judging.own_use import stored_more_wh
from market.billing.tariff import E4_PER_MWH_OF_CT_PER_KWH

_NAIVE_DAYS = 7  # before: what is expected where nobody forecasts


class Traded(NamedTuple):
    """What the site's energy cost, in the site's currency unit; positive: the group paid.

    Attributes:
        day_ahead, intraday, imbalance: in each market.
        balancing: of balancing energy that was delivered: the energy at the day-ahead price, premiums earned, penalties paid; it
            is no imbalance.
        wear: of batteries, for what went through them.
        kept: what batteries hold and rooms save more at the end than at the beginning, at the days' mean price; it is earned.
    """

    day_ahead: float
    intraday: float
    imbalance: float
    balancing: float
    wear: float
    kept: float

    @property
    def cost(self) -> float:
        """All of it."""
        return self.day_ahead + self.intraday + self.imbalance + self.balancing + self.wear - self.kept


class Positions(NamedTuple):
    """What was expected, what came, and what of that was delivered as balancing energy, [T] mean kW of the site, + = bought."""

    day_ahead_kw: Floats
    intraday_kw: Floats
    true_kw: Floats
    balancing_kw: Floats | float = 0.0


def wholesale_of(site: Site) -> Wholesale:
    """The site's `wholesale`.

    Raises:
        BadInput: it has none.
    """
    if site.wholesale is None:
        raise BadInput(
            f"site: {site.name!r} has no section `wholesale`; expected one that says how its energy is traded"
        )
    return site.wholesale


def day_ahead_ct_per_kwh(site: Site, day: LocalDay) -> Floats:
    """[T] the day-ahead price in each ISP of a day, from the site's price pack."""
    e4_per_mwh = hourly_prices(site.tariffs.day_ahead).of_day(day)
    return np.asarray(e4_per_mwh / E4_PER_MWH_OF_CT_PER_KWH, dtype=np.float64)


def settled(terms: Wholesale, at: Positions, price_ct: Floats, hours: float) -> tuple[float, float, float]:
    """What a day's positions cost day-ahead, intraday and as imbalance, hundredths of the currency unit.

    Args:
        price_ct: [T] the day-ahead price, per kWh.
        hours: length of an ISP.
    """
    spread = terms.intraday_spread_ct_per_kwh.value
    penalty = np.maximum(terms.imbalance_pct.value / 100 * np.abs(price_ct), terms.imbalance_least_ct_per_kwh.value)
    changed, short = at.intraday_kw - at.day_ahead_kw, at.true_kw - at.balancing_kw - at.intraday_kw
    parts = (
        at.day_ahead_kw * price_ct,
        changed * price_ct + np.abs(changed) * spread,
        short * price_ct + np.abs(short) * penalty,
    )
    day_ahead, intraday, imbalance = (float(part.sum()) * hours for part in parts)
    return day_ahead, intraday, imbalance


def traded(site: Site, name: ColumnName, column: Column, days: tuple[LocalDay, ...]) -> Traded:
    """What a column's energy cost.

    Who forecasts is taken at its word: what the ILES manager told as the sum of all prognoses (`ExchangeForecast`). Without
    control nobody forecasts: the same day of the week before is expected. Perfect foresight knows.

    Raises:
        BadInput: the site has no `wholesale`, or nothing was expected of a day by its gate.
    """
    terms, hours = wholesale_of(site), site.isp_minutes / 60
    true_kw = np.array([active for active, _ in column.truth.values()], dtype=np.float64).sum(axis=0) / 1000
    sums, first, prices = np.zeros(3), 0, list[Floats]()
    sold = column.balancing
    delivered_kw = np.zeros_like(true_kw) if sold is None else sold.delivered_kw
    for day in days:
        came = true_kw[first : first + day.count]
        price_ct = day_ahead_ct_per_kwh(site, day)
        at = _positions(site, terms, name, column, day, came)._replace(
            balancing_kw=delivered_kw[first : first + day.count]
        )
        sums += settled(terms, at, price_ct, hours)
        first += day.count
        prices.append(price_ct)
    mean_ct, efficiency = float(np.concatenate(prices).mean()), site.batteries.one_way_efficiency.value
    stored_wh, through_wh = _batteries(column, hours, efficiency)
    kept_wh = stored_wh * efficiency + sum(column.devices.warmth_saves_wh.values())
    day_ahead, intraday, imbalance = (float(part) / 100 for part in sums)
    balancing = float((delivered_kw * np.concatenate(prices)).sum()) * hours / 100
    return Traded(
        day_ahead=day_ahead,
        intraday=intraday,
        imbalance=imbalance,
        balancing=balancing if sold is None else balancing - sold.earned + sold.fined,
        wear=through_wh / 1000 * site.flexibility_costs.wear_ct_per_kwh.value / 100,
        kept=kept_wh / 1000 * mean_ct / 100,
    )


def _positions(
    site: Site, terms: Wholesale, name: ColumnName, column: Column, day: LocalDay, came_kw: Floats
) -> Positions:
    if name is ColumnName.FORESIGHT:
        return Positions(came_kw, came_kw, came_kw)
    if not column.expected:
        naive = week_before_kw(site, day)
        return Positions(naive, naive, came_kw)
    gate = day.next(-1).at(int(terms.gate_hour.value))
    lead = int(terms.intraday_lead_isps.value) * timedelta(minutes=site.isp_minutes)
    told = [(one.at, np.array(one.power_w) / 1000) for one in column.expected if one.period == day.day]
    told.sort(key=lambda one: one[0])
    if not told or told[0][0] > gate:
        raise BadInput(
            f"wholesale: nothing was expected of {day.day} by its gate; expected a forecast by {gate:%H:%M} UTC"
        )

    def known(instant: datetime) -> Floats:
        return [power_kw for at, power_kw in told if at <= instant][-1]

    starts = [day.isp_start(isp) for isp in range(1, day.count + 1)]
    intraday = np.array([known(max(start - lead, gate))[isp] for isp, start in enumerate(starts)])
    return Positions(known(gate), intraday, came_kw)


def week_before_kw(site: Site, day: LocalDay) -> Floats:
    """[T] what the site drew on the same day of the week before while nobody controlled it and batteries rested, kW.

    In the first week of the profiles, on the day before.
    """
    profiles, quarters = load(site.profiles), np.zeros(96)
    history, week = History(site, profiles), day.next(-_NAIVE_DAYS)
    known = week if week.start >= profiles.first else day.next(-1)
    for prosumer in site.prosumers:
        units = [device.name for device in prosumer.devices if not isinstance(device, BatteryUnit)]
        for unit in ("load", *units):
            quarters += history.days(f"{prosumer.name}.{unit}", 1, known.next())[0] / 1000
    zone, length = ZoneInfo(day.timezone), site.isp_minutes // 15
    found = np.empty(day.count)
    for isp in range(day.count):
        local = day.isp_start(isp + 1).astimezone(zone)
        at = local.hour * 4 + local.minute // 15
        found[isp] = quarters[at : at + length].mean()
    return found


def _batteries(column: Column, hours: float, efficiency: float) -> tuple[float, float]:
    """How much more all batteries hold at the end, and what went through them (half of in and out), Wh."""
    through = 0.0
    for name, row in column.devices.power_w.items():
        if column.devices.kinds[name] == UnitKind.BATTERY:
            through += float(np.abs(row).sum()) * hours / 2
    return stored_more_wh(column, hours, efficiency), through
