"""What must hold after every run, whatever went wrong in it.

Nothing here makes anything go wrong.
"""
