"""The flexibility register (S01): controllable units and their providers, their life cycle, and how units are found.

What a unit is promised to, and for how much, never stands here: that is in `market.contracts`.
"""
