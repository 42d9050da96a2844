"""The Data Handler on real tables in temporary folders."""
