"""Forecasts with bands: what a series exceeds with a chance of 10, 50 and 90 % in each quarter-hour of the next day.

A series is [days, 96] watts by local wall-clock time. No site, no profile and no settlement lives here: baselines that
are paid by stay in `market.settlement`.
"""
