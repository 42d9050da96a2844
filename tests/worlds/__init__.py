"""Small worlds that several tests share: players, homes, portfolios, hosts on a bench; imported like any package.

No test and no fixture lives here.
"""
