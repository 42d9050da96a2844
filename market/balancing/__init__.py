"""Balancing energy: bids in merit order, pay-as-cleared, and how a pool of sellers shares what it earns and owes.

Modelled on the standard product mFRR with scheduled activation (ACER decision 03/2020, "MARI"): the quarter-hour is the
market time unit, bids are closed 25 minutes before it, full activation takes 12.5 minutes. What is simpler here stands in
docs/balancing.md. Nothing here knows who sends what to whom (`agents/roles/`).
"""
