"""A journal's server of our own, for one machine: where its binary is, its process, and its restarts.

Nothing of what a journal keeps, or of who writes to it, lives here.
"""
