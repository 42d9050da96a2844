"""The published UFTP library's own service, in an environment of its own: what ILES's edge is measured and tried against.

Nothing of the product lives here, and what runs over there imports nothing of ILES.
"""
