"""The readings table: every reading of every meter with all its revisions, as Delta tables, and the queries over them.

It knows no source, no mapping and no access rule, and nothing in it is ever overwritten.
"""
