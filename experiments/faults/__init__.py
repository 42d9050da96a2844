"""A seeded simulation on the local cluster: a small market from contract to settlement, its invariants, and planted bugs.

No product code is here and none knows of it: bugs are planted from outside, faults are injected by the runtime.
"""
