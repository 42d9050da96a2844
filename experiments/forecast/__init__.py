"""How good the forecasts with bands are: each series of a site, day by day, by what was known then (`iles forecast`).

No forecast is made here; that is `agents.planning.forecast.bands`.
"""
