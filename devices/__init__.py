"""The wire: drivers for SunSpec, OCPP and S2 devices, and the simulators that speak the same protocols.

No market rule and no decision lives here, and a driver never imports a simulator.
"""
