"""How an island is planned and led: what to hold in reserve, what that costs, what is shed, when it goes back to mains.

The island's physics (`environment/physics/island.py`) never lives here, nor who tells whom (`agents/roles/`).
"""
