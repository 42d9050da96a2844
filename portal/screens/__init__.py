"""The pages that people see: HTML made here from what the store, the readings, the network and the ledger hold.

A page decides nothing and keeps nothing: it is made anew for each visitor, and it is whole without scripts; scripts draw its
charts and fetch it again when something has changed. Nothing is loaded from other hosts.
"""
