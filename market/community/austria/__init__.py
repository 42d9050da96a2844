"""Austria's energy communities (ElWOG sections 16a to 16e, ElWG section 68): shared after the fact by quarter-hour.

The rules are read from regulators' and distributors' pages, not from the gazette. No rate that changes by ordinance lives
here: tables are handed in.
"""
