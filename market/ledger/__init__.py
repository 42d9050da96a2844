"""The provable ledger: signed records, Merkle trees per block, a chain of co-signed heads, one SQLite file.

No decision, no market rule and no message lives here; what a record's body means is the business of who wrote it.
"""
