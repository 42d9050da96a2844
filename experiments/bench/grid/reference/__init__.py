"""pandapower's loop in an environment of its own, since it wants pandas below 3: what `iles bench grid` is measured against.

Nothing of the product lives here, and what runs over there imports nothing of ILES.
"""
