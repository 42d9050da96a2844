"""Who may see what: roles, policies as data, consents, pseudonyms, erasure, and the record of every access.

A policy decides over rows and attributes before a query runs and again over what it found. Nothing here reads a table or
answers a caller: what is decided is handed on as conditions; what no policy permits is denied.
"""
