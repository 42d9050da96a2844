"""Bilateral negotiation of contracts (S02): its table of states and transitions, messages and strategies.

Who negotiates with whom, and when, never lives here.
"""
