"""Market mechanisms tried out: for data frames of bids, and compared on a district's days (`iles mechanisms`).

The mechanisms themselves are in `market/mechanisms/`; no agent runs here: bids are made of the site's elements directly.
"""
