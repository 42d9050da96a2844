"""Members' tariffs over some days, interval by interval, as the bills of a community need them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

import numpy as np

from agents.assembly.tariffs_of_site import hourly_prices, tariff_of
from cim.model.arrays import Ints
from cim.model.intervals import LocalDay
from environment.sites.community import AustrianCommunity
from environment.sites.schema import Site
from market.billing.tariff import E4_PER_MWH_OF_CT_PER_KWH, DayRates
from market.community.bill import MemberTariff


def rates_of(site: Site, prosumer: str, days: Sequence[LocalDay], every: int = 1) -> DayRates:
    """A prosumer's tariff in each ISP of the days, or in each `every`-th: the first of each hour."""
    tariff = tariff_of(site, prosumer)
    rates = [tariff.rates(day) for day in days]
    return DayRates(
        np.concatenate([row.energy_e4_per_mwh for row in rates])[::every],
        np.concatenate([row.network_e4_per_mwh for row in rates])[::every],
        np.concatenate([row.taxes_e4_per_mwh for row in rates])[::every],
        np.concatenate([row.feed_in_e4_per_mwh for row in rates])[::every],
    )


def austrian_tariff(site: Site, community: AustrianCommunity, prosumer: str, days: Sequence[LocalDay]) -> MemberTariff:
    """The same with the value-added tax of its kind of customer."""
    kind = site.prosumer(prosumer).kind
    vat = next((row.pct.value for row in community.vat if kind in row.customers), 0)
    return MemberTariff(rates_of(site, prosumer, days), round(vat))


def day_ahead_by_hour(site: Site, days: Sequence[LocalDay]) -> Ints:
    """[hours] the day-ahead prices of the days."""
    hourly, every = hourly_prices(site.tariffs.day_ahead), 60 // site.isp_minutes
    return np.concatenate([hourly.of_day(day) for day in days])[::every]


def e4_per_mwh(ct_per_kwh: float) -> int:
    """A price of a site file as the market has it."""
    return round(ct_per_kwh * E4_PER_MWH_OF_CT_PER_KWH)


def law_day(day: date, year: int) -> date:
    """A profile year's day in the year by whose law it is billed; 29 February is the 28th where that year has none."""
    try:
        return day.replace(year=year)
    except ValueError:
        return date(year, 2, 28)
