"""What agents tell the data platform: one family of publications for each kind of news, in CIM and USEF terms.

No market message, no role's state and no decision lives here: whoever reads publications needs to know no agent.
"""
