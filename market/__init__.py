"""The rules of the game: assets, contracts, negotiation, baselines, settlement, UFTP's messages, the ledger.

Pure: no wire, no physics, no optimiser, no Ray; the ledger's one SQLite file is its only I/O.
"""
