"""What went wrong in a run, read from publications alone, and what was settled where it did.

No agent's state is looked at here, and nothing is judged that nobody told.
"""
