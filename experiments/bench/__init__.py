"""Measurements: ours and others' side by side in the same run, because a rate alone says little on a shared machine.

No test lives here, and nothing here asserts a time.
"""
