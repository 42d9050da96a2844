"""A simulated building gateway: S2 as a resource manager speaks it, over any physics that fits `HeatPumpRoom`.

No physics lives here, and nothing of the CEM.
"""
