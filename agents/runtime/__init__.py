"""How agents live: hosts that carry out effects, the conductor of simulated time, the local and the Ray runtime.

No decision and no market rule lives here; only this room knows Ray.
"""
