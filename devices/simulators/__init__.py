"""Simulated devices that speak the real protocols, one room for each, in front of any physics that fits their Protocols.

No driver and no physics lives here, and nothing in here decides what a device should do.
"""
