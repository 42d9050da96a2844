"""What becomes of the money when a meter or a link is lost: each of a site, at noon or for the whole day, one run each.

`iles losses SITE`. Faults in agents and hosts are not injected here but in `experiments.faults`.
"""
