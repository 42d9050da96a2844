"""Asset publication (S01): what prosumers bring to the market.

What is agreed about an asset never lives here: that is in `market.contracts`.
"""
