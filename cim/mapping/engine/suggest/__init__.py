"""A first mapping for a file nobody has described yet, from its header and first rows, with the reason for each line of it.

It only proposes: nothing is taken in by a suggestion, and what cannot be known (zone, owner) is marked as assumed.
"""
