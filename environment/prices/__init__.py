"""Prices of electricity from public sources, packed; each pack has its attribution beside it."""

from environment.prices.day_ahead import PricePack, known_packs, load_prices

__all__ = ["PricePack", "known_packs", "load_prices"]
