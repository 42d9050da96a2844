"""What a finished run's market left behind, read from its ledger and publications, as tables and as JSON.

Nothing here runs a market or changes a folder.
"""
