"""One run of a site in simulated time: from its settings to its summary.

What is printed, and the report's pages, never live here.
"""
