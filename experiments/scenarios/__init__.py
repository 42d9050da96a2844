"""A site's scenarios over many days of its year: how much of the gap to perfect foresight is closed, day by day and summed.

How one run is judged (`experiments.run.scenarios`) never lives here.
"""
