"""`iles bench dispatch`: many prosumers dispatched at once, beside central solvers.

What is measured is never here: it is the product's own `agents.planning.dispatch.packed`.
"""
