"""Who decides (roles), how they decide (planning) and how they live (runtime).

Only `agents.runtime` knows Ray; roles and plans do no I/O at all.
"""
