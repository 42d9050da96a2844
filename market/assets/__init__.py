"""Asset publication (S01): what prosumers bring to the market.

What is agreed about an asset lives in `market.contracts`.
"""
