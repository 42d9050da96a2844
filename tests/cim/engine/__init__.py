"""Declarative mappings at work on small files."""
