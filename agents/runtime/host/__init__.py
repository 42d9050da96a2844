"""One host: some agents in one process, worked in rounds, exactly once; its mailboxes, its step log, its effects.

Who calls it, and where its process runs, never lives here: the same host serves every runtime.
"""
