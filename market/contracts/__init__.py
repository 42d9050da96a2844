"""Flexibility contracts: their parameters, templates, and when they may be activated.

How they are negotiated lives in `market.negotiation`.
"""
