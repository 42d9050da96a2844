"""The driver for SunSpec Modbus devices: model tables, codec, scan, and one `Port` for PV, battery, CHP and meter.

No simulator and no decision lives here, and the meaning of a point in CIM terms stands in `cim.mapping.sunspec` only.
"""
