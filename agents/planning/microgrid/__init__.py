"""One plan of a microgrid's flexible resources over a day, against many scenarios of all that cannot be steered.

A resource is a single point: bounds of its power and of its energy, and what moving it costs. No agent's state, no device and
no market message lives here; HiGHS is loaded by `plan.py` alone, so planning is a job (`microgrid-plan`, `microgrid-replan`).
"""
