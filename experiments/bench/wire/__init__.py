"""`iles bench wire`: what real sockets to many devices cost; the far ends run in processes of their own (`far_end.py`).

No driver and no simulator is made here: those of `devices/` are measured as they are.
"""
