"""Simulated devices that speak the real protocols, one room for each, and a whole simulated site.

No driver and no physics lives here, and nothing in here decides what a device should do.
"""
