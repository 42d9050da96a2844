"""The Data Ingestion Manager: configured sources, when each is asked, what it gave, and what became of it.

What the data means is said by mappings and not known here; no clock of the machine is read: callers hand in the run's own.
"""
