"""How agents live: `hosting` (one host), the scheduler of time and mail, the local runtime, its failing twin, `onray`, `journal`.

No decision and no market rule lives here; only this room knows Ray and Redis.
"""
