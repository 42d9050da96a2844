"""A site on the clock: `iles up` keeps agents, journal, devices and the portal alive until it is stopped, and goes on where it was.

No decision of an agent and no market rule lives here.
"""
