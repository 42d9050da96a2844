"""`iles community`: a site's community billed by the law of its country, from a month lived through or a run's telemetry.

The rules never live here; that is `market.community`. What is solved or read from files for them does.
"""
