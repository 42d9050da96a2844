"""The data platform: keeps what was said, as tables of CIM readings.

It knows no market, no device and no agent; only `cim.model` and `cim.mapping`.
"""
