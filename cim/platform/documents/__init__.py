"""Documents of the data platform: assets, contracts, configurations and dataset metadata, checked, with their whole history.

It keeps no readings, and no version of a document is ever changed.
"""
