"""The auditor of a run's dispatch: members' models as sessions end, the gap of each, and of all sellers together.

It is the one reader of agents' states outside the agents, in the run's own process; no agent of a living site is ever read so.
"""
