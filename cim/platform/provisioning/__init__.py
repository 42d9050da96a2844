"""Queries defined as data, run for whoever asks over what that principal may see.

A definition becomes a tree, the tree a query with bound values; no text of a caller is ever part of one. It knows no
transport and no page.
"""
