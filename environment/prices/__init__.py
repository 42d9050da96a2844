"""Prices of electricity from public sources, packed; each pack has its attribution beside it.

Tariffs never live here: what a customer pays is in a site file and `market.billing`.
"""

from environment.prices.day_ahead import PricePack, known_packs, load_prices

__all__ = ["PricePack", "known_packs", "load_prices"]
