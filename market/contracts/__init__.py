"""Flexibility contracts: their parameters, templates, and when they may be activated.

How they are negotiated never lives here: that is in `market.negotiation`.
"""
