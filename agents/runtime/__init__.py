"""How agents are run: one host (`host`), the scheduler of time and mail, the local runtime, `ray`, `journal`, `batches`.

No decision and no market rule is here; only this package and the embedded journal server's know Ray and Redis.
"""
