"""The orchestrator: the data platform's own work as tasks with resources, retries and a durable history, run by an executor.

Which readings come and what they mean is never decided here; that is the work's own.
"""
