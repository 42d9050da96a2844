"""The provable ledger: signed records, one RFC 9162 tree over all of them, a chain of co-signed heads, one SQLite file.

No decision, no market rule and no message lives here; what a record's body means is the business of who wrote it.
"""

from market.ledger.merkle import leaf_hash, verify_consistency, verify_inclusion

__all__ = ["leaf_hash", "verify_consistency", "verify_inclusion"]
