"""The microgrid as one unit in the DSO's control: what it can give, how a setpoint falls on its members, a limit on call.

Pure functions; no message and no agent's state lives here (who tells whom is `agents/roles/`). SciPy's HiGHS is loaded by
`split.py` alone, so a split is a job.
"""
