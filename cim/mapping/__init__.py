"""Declarative tables from other vocabularies (SunSpec points, OCPP measurands, S2 quantities) to CIM.

No I/O and no protocol logic lives here: only what means what, in which unit, with which sign.
"""
