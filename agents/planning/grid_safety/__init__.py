"""The DSO's side: how far the grid is from its limits, and which offers mend it for least.

No aggregator's or prosumer's model lives here.
"""
