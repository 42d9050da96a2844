"""Who decides: prosumer, asset, aggregator, DSO, ILES manager, ledger keeper: plain objects, effects out.

A role does no I/O, reads no clock, draws no random number and imports no solver, pandas or Ray.
"""
