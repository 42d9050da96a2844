"""Search over all that is known about the data: datasets, assets, contracts, configurations, queries.

Who may find a document is indexed with it and part of every query. No reading is kept here, and nothing is only here: the
index can be made again from the documents.
"""
