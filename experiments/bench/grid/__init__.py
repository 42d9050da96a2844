"""`iles bench grid`: the DSO's safety analysis of many scenarios, beside bare power-grid-model and pandapower's loop.

What is measured is never here: it is the product's own `agents.planning.grid_safety`.
"""
