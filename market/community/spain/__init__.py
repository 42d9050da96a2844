"""Spain's collective self-consumption (RD 244/2019, Orden TED/1247/2021, RDL 7/2026): shared by coefficients agreed before.

The rules are read from a cooperative's and distributors' pages, not from the annex. No limit that a decree may change
lives here: tables are handed in, and no solver either.
"""
