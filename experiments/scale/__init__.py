"""`iles scale`: what a number of prosumers costs: a market day, a dispatch, a placement; and when the grid gives way.

Each point is measured in a process of its own, by the same code that `iles run` runs; nothing is simulated faster here.
"""
