"""What several roles share: contracts, days, settlement, co-signing, recovery from the ledger.

Nothing that only one role needs lives here.
"""
