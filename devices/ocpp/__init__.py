"""OCPP, seen from the CSMS: a machine for one charging station without I/O, and the driver that gives it a wire.

A folder for each version (`v16`, `v201`, `v21`) says what its messages mean and how requests are written, behind one
protocol (`version.py`); `state.py` keeps what the station has told, whatever its version. No decision about who charges
when lives here, and never a password.
"""
