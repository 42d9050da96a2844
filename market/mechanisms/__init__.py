"""Market mechanisms: how bids become trades and payments, one small file each behind one Protocol and a registry.

Who bids, and why, never lives here; nor does any physics: the grid is a matrix of limits, and a solver is handed in.
"""
