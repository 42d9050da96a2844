"""What each kind of flexible element expects of itself and could do: forecasts, plans, flexibility models.

No message and no market rule lives here, and nothing that knows a second home.
"""
