"""The Data Handler: deliveries become readings by their mapping, and what cannot be taken is quarantined with its reason.

It fetches nothing and knows no schedule; nothing it was given is lost, and nothing is taken twice.
"""
