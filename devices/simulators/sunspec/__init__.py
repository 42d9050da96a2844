"""Simulated SunSpec devices: a register image in front of a physical unit, read directly or served by Modbus TCP.

No physics and no driver lives here; the unit is any object with the attributes that `units` names.
"""
