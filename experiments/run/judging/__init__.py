"""What a scenario needs beyond a column's usual figures: outages ridden through, energy traded as one balance group.

A judge looks at what a column left behind; it steers nothing. Scores and their table live in `experiments.run.scenarios`.
"""
