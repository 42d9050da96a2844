"""Forecasts that need nothing but what was metered before.

No kind of element and no weather lives here.
"""
