"""Many runs of the same days: what the market does over seeds, as distributions instead of one figure.

`iles run SITE --seeds 1-20 --days-file FILE --out DIR`: every (day, seed) is one run of the market with its own local
column; the other columns are run once a day, with the first seed. What one run does never lives here.
"""
