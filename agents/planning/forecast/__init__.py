"""Forecasts that need nothing but what was metered before."""
