"""The physical world that an agent can only see through devices and meters: sites, profiles, physics, the feeder.

No decision, no market rule and no wire lives here.
"""
