"""Simulated SunSpec devices: a register image in front of a physical thing, read directly or served by Modbus TCP.

No physics and no driver lives here; the thing is any object with the attributes that `things` names.
"""
