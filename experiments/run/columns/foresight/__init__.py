"""The column of perfect foresight: one linear program over all devices of the site, on what really comes, then executed.

Nobody could run a site so: it knows the day before it has been. It is what the others are measured against. No agent may import it.
"""
