"""The settlement's rules for very many orders at once, as arrays: months of whole districts.

The same sums as `market.settlement.orders`, `baselines`, `portfolio` and `market.contracts.activations` do one by one; tests
hold them together. No rule lives here that does not stand there.
"""
