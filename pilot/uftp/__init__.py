"""UFTP over its signed HTTP transport: where a site's parties meet those of other sites, as XML.

No rule of the market lives here (`market/uftp/checks.py` has those of the messages), and no decision of an agent.
"""
