"""S2 (EN 50491-12-2), seen from the CEM: a machine for one resource manager without I/O, and the driver for its wire.

No decision about when to heat lives here, and never a password.
"""
