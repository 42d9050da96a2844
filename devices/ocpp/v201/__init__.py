"""OCPP 2.0.1, seen from the CSMS: a machine for one charging station without I/O, and the driver that gives it a wire.

No other version of OCPP, and no decision about charging, lives here.
"""
