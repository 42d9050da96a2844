"""How many elements share one request: exact local steps, the ADMM that joins them, the central reference.

What an element is, and who talks to whom, never lives here.
"""
