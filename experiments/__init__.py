"""What people run: the `iles` command, scenarios and reports.

No rule of the market, no physics and no decision of an agent lives here.
"""
