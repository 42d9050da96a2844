"""Quantities, intervals, readings and names in IEC CIM's words; pure values, no I/O.

A mapping from another vocabulary never lives here (see `cim.mapping`), nor does anything that stores.

Sign rule, stated once for all of ILES: **power is positive towards the prosumer** (consumption, charging, import)
and negative towards the grid (generation, discharging, export). Source: USEF Flexibility Trading Protocol, §"Power".
Power in the market is integer watts, average over an interval; energy integer watt-hours; money integer
ten-thousandths of the currency unit (UFTP amounts carry four decimals).
"""
