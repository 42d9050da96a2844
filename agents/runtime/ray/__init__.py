"""Hosts as Ray actors: Ray's start, placement on nodes, calls, and bringing back what died.

What a host does with its messages never lives here, nor anything that the local runtime needs.
"""
