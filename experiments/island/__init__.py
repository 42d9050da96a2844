"""Outages run through: one of them second by second, or a thousand, and what size of battery pays.

What is decided in an island (`agents/planning/islanding/`) and how it moves (`environment/physics/island.py`) never lives here.
"""
