"""A simulated charging station: OCPP 2.0.1 as the station speaks it, over any physics that fits `ChargePoint`.

No physics lives here, and nothing of the CSMS.
"""
