"""A site's tariffs as the market's values: for members' costs, for bills, and for the report."""

from __future__ import annotations

from functools import lru_cache

from environment.prices import load_prices
from environment.sites.schema import Site
from environment.sites.tariffs import TariffRow as SiteRow
from market.billing.hourly_prices import HourlyPrices
from market.billing.tariff import E4_PER_MWH_OF_CT_PER_KWH, Tariff, TariffRow


def tariff_of(site: Site, prosumer: str) -> Tariff:
    """The tariff of a site's prosumer."""
    customer = site.tariffs.of(site.prosumer(prosumer).kind)
    rows = () if customer is None else tuple(_row(row) for row in customer.rows)
    by_hour = any(row.energy_by_hour or row.feed_in_by_hour for row in rows)
    return Tariff(rows, hourly_prices(site.tariffs.day_ahead) if by_hour else None)


@lru_cache(maxsize=4)
def hourly_prices(pack: str) -> HourlyPrices:
    """The day-ahead prices of a pack."""
    prices = load_prices(pack)
    return HourlyPrices(prices.first, prices.timezone, prices.e4_per_mwh)


def _row(row: SiteRow) -> TariffRow:
    def e4_per_mwh(ct_per_kwh: float) -> int:
        return round(ct_per_kwh * E4_PER_MWH_OF_CT_PER_KWH)

    return TariffRow(
        from_day=row.from_,
        energy_e4_per_mwh=e4_per_mwh(row.energy_ct_per_kwh.value),
        network_e4_per_mwh=e4_per_mwh(row.network_ct_per_kwh.value),
        taxes_e4_per_mwh=e4_per_mwh(row.taxes_ct_per_kwh.value),
        feed_in_e4_per_mwh=e4_per_mwh(row.feed_in_ct_per_kwh.value),
        energy_by_hour=row.energy_by == "day_ahead",
        feed_in_by_hour=row.feed_in_by == "day_ahead",
    )
