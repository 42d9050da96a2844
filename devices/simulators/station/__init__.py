"""A simulated charging station: OCPP 2.1, 2.0.1 or 1.6 as the station speaks it, over any physics that fits `ChargePoint`.

No physics lives here, and nothing of the CSMS.
"""
