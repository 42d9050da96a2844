"""What of a portfolio's flexibility may be bid as balancing energy, and at what premium.

Pure functions; nothing is sent, cleared or settled here (`agents/roles/`, `market/balancing/`).
"""
